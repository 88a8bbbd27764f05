import { Duplex } from 'node:stream';
import { fabricateFailureResponse, readUint32 } from 'tpm-core';
import type { ControlCommandName } from '../src/control-codes.js';
import { parseControlRequest } from '../src/control-request.js';

/** Bytes of a hexadecimal string. */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

/** Hexadecimal string of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Our end of a socket whose other end is a function: each `write()` call arrives as one piece. */
export class ScriptedStream extends Duplex {
  readonly writes: Uint8Array[] = [];
  readonly #received: (piece: Uint8Array) => void;

  constructor(received: (piece: Uint8Array) => void) {
    super();
    this.#received = received;
  }

  override _read(): void {}

  override _write(piece: Uint8Array, _encoding: string, done: () => void): void {
    this.writes.push(Uint8Array.from(piece));
    done();
    setImmediate(() => {
      if (!this.destroyed) this.#received(Uint8Array.from(piece));
    });
  }

  /** The peer sends bytes in pieces of the given lengths, the rest as the last piece. */
  send(bytes: Uint8Array, pieces: readonly number[] = []): void {
    let from = 0;
    for (const length of [...pieces, bytes.length]) {
      const piece = bytes.subarray(from, from + length);
      from += length;
      if (piece.length > 0) setImmediate(() => !this.destroyed && this.push(Buffer.from(piece)));
    }
  }

  /** The peer closes. */
  hangUp(): void {
    if (!this.destroyed) this.push(null);
  }
}

/** Answer of a script: bytes, or `undefined` for silence. */
export type Script = (request: Uint8Array) => Uint8Array | undefined;

const startedAnswers: Partial<Record<ControlCommandName, string>> = {
  GET_CAPABILITY: '000000000000ffff',
  GET_TPMESTABLISHED: '0000000000000000',
  SET_BUFFERSIZE: '000000000000100000000af800001000',
  GET_CONFIG: '0000000000000000',
  GET_STATEBLOB: '00000800000000000000000000000000',
};

/** A peer that answers as swtpm 0.7.1 does, unless a script says otherwise. */
export class ScriptedSwtpm {
  readonly control: ScriptedStream;
  readonly data: ScriptedStream;
  /** Everything that arrived, in order, as `'NAME hex'` or `'data hex'`. */
  readonly log: string[] = [];
  readonly scripts: Partial<Record<ControlCommandName, Script>> = {};
  /** Answers data commands after the probe. */
  command: Script = () => fromHex('80010000000a00000000');
  /** Answers the version probe. */
  probe: Script;
  #partial = new Uint8Array(0);

  constructor(tpmVersion: '1.2' | '2.0' = '2.0') {
    const answer =
      tpmVersion === '2.0' ? '80010000000a00000101' : toHex(fabricateFailureResponse());
    this.probe = () => fromHex(answer);
    this.control = new ScriptedStream((piece) => this.#controlPiece(piece));
    this.data = new ScriptedStream((piece) => this.#dataPiece(piece));
  }

  /** Names of the control commands that arrived. */
  get names(): string[] {
    return this.log.map((entry) => entry.split(' ')[0]!).filter((name) => name !== 'data');
  }

  /** Forgets what arrived so far. */
  clear(): void {
    this.log.length = 0;
    this.control.writes.length = 0;
    this.data.writes.length = 0;
  }

  #controlPiece(piece: Uint8Array): void {
    this.#partial = Uint8Array.of(...this.#partial, ...piece);
    const parsed = parseControlRequest(this.#partial);
    if (parsed.kind === 'incomplete') return;
    const bytes = this.#partial;
    this.#partial = new Uint8Array(0);
    if (parsed.kind !== 'request' || parsed.ignored > 3)
      throw new Error(`Bad request ${toHex(bytes)}`);
    const name = parsed.request.command;
    this.log.push(`${name} ${toHex(bytes)}`);
    const script = this.scripts[name] ?? (() => fromHex(startedAnswers[name] ?? '00000000'));
    const answer = script(bytes);
    if (answer !== undefined) this.control.send(answer);
    if (name === 'SHUTDOWN') setImmediate(() => [this.data.hangUp(), this.control.hangUp()]);
  }

  #dataPiece(piece: Uint8Array): void {
    this.log.push(`data ${toHex(piece)}`);
    const isProbe = [0x181, 0xf1].includes(readUint32(piece, 6));
    const answer = (isProbe ? this.probe : this.command)(piece);
    if (answer !== undefined) this.data.send(answer);
  }
}
