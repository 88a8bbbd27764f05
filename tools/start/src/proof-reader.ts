import { GUEST_READY, PROOF_END, parseProof, type TpmProof } from '@tpmdev/guest/proof';

/** Command whose output is for the host alone: the event log in base64. */
const LOG_COMMAND = '# base64 ';

/** Begins the line of a command of the proof. */
const COMMAND = '# ';

/** Most characters that are kept; a proof has about a tenth of them. */
const KEPT = 262_144;

/** What the terminal shows of a chunk, and what has become complete with it. */
export interface ProofStep {
  /** Bytes to show, up to the end of the proof. */
  readonly shown: Uint8Array;
  /** What follows the proof's last line, or the line that the shell is ready. */
  readonly rest: Uint8Array;
  readonly proof?: TpmProof;
  /** The guest's shell takes input now. */
  readonly isReady?: true;
}

const LINE_FEED = 0x0a;

/**
 * Reads the proof out of what a guest sends over its serial port, and keeps the event log in base64
 * from the terminal.
 */
export class ProofReader {
  #text = '';
  #line = '';
  /** Bytes of the line that are not shown yet, because it may be one that isn't shown at all. */
  #waiting: number[] = [];
  #isInLog = false;

  /**
   * @param bytes what came next
   * @returns what to show of it; push `rest` again afterwards, until it is empty
   */
  push(bytes: Uint8Array): ProofStep {
    const shown: number[] = [];
    for (const [index, byte] of bytes.entries()) {
      this.#line = (this.#line + String.fromCharCode(byte)).slice(-KEPT);
      this.#waiting.push(byte);
      const fate = this.#fate();
      if (fate === 'show') shown.push(...this.#waiting);
      if (fate !== 'wait') this.#waiting = [];
      if (byte !== LINE_FEED) continue;
      const line = this.#line.replace(/\r*\n$/, '');
      this.#text = (this.#text + this.#line).slice(-KEPT);
      this.#line = '';
      const step = { shown: Uint8Array.from(shown), rest: bytes.subarray(index + 1) };
      const proof = line === PROOF_END ? parseProof(this.#text) : undefined;
      if (proof !== undefined) return { ...step, proof };
      if (line === GUEST_READY) return { ...step, isReady: true };
    }
    return { shown: Uint8Array.from(shown), rest: bytes.subarray(bytes.length) };
  }

  /** The log's lines follow its command; the next command or the end of the proof ends them. */
  #fate(): 'show' | 'hide' | 'wait' {
    const line = this.#line;
    if (line.startsWith(LOG_COMMAND)) this.#isInLog = true;
    else if (LOG_COMMAND.startsWith(line)) return 'wait';
    else if (line.startsWith(COMMAND) || line.startsWith(PROOF_END)) this.#isInLog = false;
    else if (this.#isInLog && PROOF_END.startsWith(line)) return 'wait';
    return this.#isInLog ? 'hide' : 'show';
  }
}
