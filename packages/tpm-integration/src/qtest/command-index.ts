import type { Command } from './commands.js';

interface Entry {
  readonly name: Uint8Array;
  readonly command: Command;
}

function hash(bytes: Uint8Array, start: number, end: number): number {
  let key = 0;
  for (let at = start; at < end; at++) key = (Math.imul(key, 31) + bytes[at]!) | 0;
  return key;
}

/** Finds a command by the bytes of its name, without making a string of them. */
export class CommandIndex {
  readonly #entries: Map<number, Entry> = new Map();
  #longest = 0;

  constructor(table: ReadonlyMap<string, Command>) {
    for (const [text, command] of table) {
      const name = new TextEncoder().encode(text);
      const key = hash(name, 0, name.length);
      const other = this.#entries.get(key);
      if (other !== undefined) throw new RangeError(`Command "${text}" collides with another one`);
      this.#entries.set(key, { name, command });
      this.#longest = Math.max(this.#longest, name.length);
    }
  }

  /** @returns the command whose name is in `bytes` from `start` to before `end` */
  find(bytes: Uint8Array, start: number, end: number): Command | undefined {
    const length = end - start;
    if (length > this.#longest) return undefined;
    const entry = this.#entries.get(hash(bytes, start, end));
    if (entry === undefined || entry.name.length !== length) return undefined;
    for (let index = 0; index < length; index++) {
      if (entry.name[index] !== bytes[start + index]) return undefined;
    }
    return entry.command;
  }
}
