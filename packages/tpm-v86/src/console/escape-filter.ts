/** What a person typed. */
export type TerminalInput =
  /** Bytes for what is on the terminal. */
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  /** Ctrl-A with H, X or C. */
  | { readonly type: 'help' | 'leave' | 'switch' };

/** Control-A. */
const ESCAPE = 0x01;

const COMMANDS: ReadonlyMap<string, 'help' | 'leave' | 'switch'> = new Map([
  ['h', 'help'],
  ['?', 'help'],
  ['x', 'leave'],
  ['c', 'switch'],
]);

/** What the keys after Ctrl-A do, for people. */
export const ESCAPE_HELP: string = [
  'C-a h    print this help',
  'C-a x    exit emulator',
  'C-a c    switch between screen, serial port and monitor, as far as they are there',
  'C-a C-a  sends C-a',
  '',
].join('\n');

/**
 * Takes QEMU's commands out of what is typed: Ctrl-A begins one, the next key says which.
 *
 * | state | byte | next state | what comes out |
 * |---|---|---|---|
 * | plain | Ctrl-A | escape | |
 * | plain | other | plain | the byte |
 * | escape | Ctrl-A | plain | Ctrl-A |
 * | escape | h ? x c, in either case | plain | the command |
 * | escape | other | plain | nothing |
 */
export class EscapeFilter {
  #state: 'plain' | 'escape' = 'plain';

  /**
   * @param chunk bytes as they were typed
   * @returns what they mean, in order; nothing follows a `'leave'`
   */
  push(chunk: Uint8Array): TerminalInput[] {
    const inputs: TerminalInput[] = [];
    let plain: number[] = [];
    const flush = () => {
      if (plain.length > 0) inputs.push({ type: 'bytes', bytes: Uint8Array.from(plain) });
      plain = [];
    };
    for (const byte of chunk) {
      if (this.#state === 'plain') {
        if (byte === ESCAPE) this.#state = 'escape';
        else plain.push(byte);
        continue;
      }
      this.#state = 'plain';
      const type = COMMANDS.get(String.fromCharCode(byte).toLowerCase());
      if (byte === ESCAPE) plain.push(byte);
      if (type === undefined) continue;
      flush();
      inputs.push({ type });
      if (type === 'leave') return inputs;
    }
    flush();
    return inputs;
  }
}
