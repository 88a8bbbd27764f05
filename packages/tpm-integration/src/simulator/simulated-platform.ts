import {
  DEFAULT_BUFFER_SIZE,
  fabricateFailureResponse,
  HEADER_SIZE,
  isWellFormedResponse,
  type Locality,
  type TpmBackend,
} from 'tpm-core';
import type { PlatformSignals } from './platform-signals.js';
import { SimulatorError } from './simulator-error.js';

/**
 * Power of the TPM:
 *
 * - `'initial'`: no client said anything about it; whatever needs the TPM switches it on
 * - `'on'`: the TPM runs
 * - `'off'`: a client switched it off, and only a client switches it on again
 */
export type PowerState = 'initial' | 'on' | 'off';

/**
 * A platform with one TPM, as the clients of a simulator share it: power, cancel and the other
 * signals around one back end. Everything but cancel happens one after the other in the order of the
 * calls.
 */
export class SimulatedPlatform {
  readonly #backend: TpmBackend;
  readonly #signals: Partial<PlatformSignals>;
  readonly #report: (message: string) => void;
  #power: PowerState = 'initial';
  #bufferSize = DEFAULT_BUFFER_SIZE;
  #cancels = false;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param backend the TPM
   * @param signals what else it can be told
   * @param report receives what goes wrong without a client seeing the reason
   */
  constructor(
    backend: TpmBackend,
    signals: Partial<PlatformSignals>,
    report: (message: string) => void,
  ) {
    this.#backend = backend;
    this.#signals = signals;
    this.#report = report;
  }

  get power(): PowerState {
    return this.#power;
  }

  /** Most bytes of a command or response. */
  get bufferSize(): number {
    return this.#bufferSize;
  }

  /** Whether physical presence can be signalled. */
  get hasPhysicalPresence(): boolean {
    return this.#signals.setPhysicalPresence !== undefined;
  }

  /** Switches the TPM on; no change when it is on. Rejects when the TPM can't be started. */
  powerOn(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#power !== 'on') await this.#start();
    });
  }

  /** Takes the power away, without a TPM2_Shutdown, after the command in flight. */
  powerOff(): Promise<void> {
    return this.#inTurn(async () => {
      this.#power = 'off';
      await this.#backend.reset();
    });
  }

  /** _TPM_Init without a TPM2_Shutdown before. Rejects when the TPM is off or can't be started. */
  reset(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#power === 'off') throw powerIsOff('reset');
      await this.#start();
    });
  }

  /**
   * Executes one command. Never rejects: while the power is off, and when the back end fails, the
   * answer is a failure response.
   *
   * @returns the response, at most {@link bufferSize} bytes
   */
  execute(command: Uint8Array, locality: Locality): Promise<Uint8Array> {
    return this.#inTurn(async () => {
      try {
        await this.#needPower('execute a command');
        return await this.#executeNow(command, locality);
      } catch (error) {
        this.#report(error instanceof Error ? error.message : String(error));
        return fabricateFailureResponse();
      }
    });
  }

  /**
   * Cancels the command in flight, and every later one until it is called with `false` or the power
   * goes on. It doesn't wait for its turn, as nothing could be cancelled then.
   */
  setCancel(on: boolean): void {
    this.#cancels = on;
    if (on) this.#cancelNow();
  }

  /** Rejects when the back end doesn't have the signal, or refuses it. */
  hashStart(): Promise<void> {
    return this.#hash('hashStart', (signal) => signal());
  }

  /** Rejects when the back end doesn't have the signal, or refuses it. */
  hashData(bytes: Uint8Array): Promise<void> {
    return this.#hash('hashData', (signal) => signal(bytes));
  }

  /** Rejects when the back end doesn't have the signal, or refuses it. */
  hashEnd(): Promise<void> {
    return this.#hash('hashEnd', (signal) => signal());
  }

  /** Rejects when the back end doesn't have the signal, or refuses it. */
  setPhysicalPresence(on: boolean): Promise<void> {
    return this.#inTurn(() => this.#signal('setPhysicalPresence')(on));
  }

  /**
   * Makes non-volatile memory available or not. Where a back end can't do without it, that it is
   * available is no news; only that it isn't can't be signalled.
   */
  setNvAvailable(on: boolean): Promise<void> {
    return this.#inTurn(async () => {
      if (on && this.#signals.setNvAvailable === undefined) return;
      await this.#signal('setNvAvailable')(on);
    });
  }

  /** Resolves when everything that was asked for is done. */
  async settled(): Promise<void> {
    await this.#last;
  }

  #inTurn<Result>(step: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(step);
    // The failure of one client's request doesn't concern the next one's.
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #start(): Promise<void> {
    this.#cancels = false;
    // A TPM that can't be started again doesn't run.
    if (this.#power === 'on') this.#power = 'off';
    await this.#backend.reset();
    const offered = await this.#backend.bufferSize();
    const bufferSize = await this.#backend.start({ bufferSize: offered });
    if (!Number.isInteger(bufferSize) || bufferSize < HEADER_SIZE) {
      throw this.#contractError(`a buffer of ${bufferSize} bytes`);
    }
    this.#bufferSize = bufferSize;
    this.#power = 'on';
  }

  async #needPower(action: string): Promise<void> {
    if (this.#power === 'off') throw powerIsOff(action);
    if (this.#power === 'initial') await this.#start();
  }

  async #executeNow(command: Uint8Array, locality: Locality): Promise<Uint8Array> {
    const responseCapacity = this.#bufferSize;
    const answered = this.#backend.execute({ command, locality, responseCapacity });
    if (this.#cancels) this.#cancelNow();
    const { response } = await answered;
    if (isWellFormedResponse(response, responseCapacity)) return response;
    throw this.#contractError(`a malformed response of ${response.length} bytes`);
  }

  #cancelNow(): void {
    try {
      this.#backend.cancel();
    } catch (error) {
      this.#report(`Cancelling a command failed: ${String(error)}`);
    }
  }

  #hash<Name extends 'hashStart' | 'hashData' | 'hashEnd'>(
    name: Name,
    send: (signal: PlatformSignals[Name]) => Promise<void>,
  ): Promise<void> {
    return this.#inTurn(async () => {
      const signal = this.#signal(name);
      await this.#needPower('measure');
      await send(signal);
    });
  }

  #signal<Name extends keyof PlatformSignals>(name: Name): PlatformSignals[Name] {
    const signal: PlatformSignals[Name] | undefined = this.#signals[name];
    if (signal !== undefined) return signal;
    throw new SimulatorError(
      'ERR_SIGNAL',
      `Back end "${this.#backend.kind}" has no ${name}(); use one that has`,
    );
  }

  #contractError(what: string): SimulatorError {
    const kind = this.#backend.kind;
    const message = `Back end "${kind}" broke its contract with ${what}; check the TPM behind it`;
    return new SimulatorError('ERR_BACKEND_CONTRACT', message);
  }
}

function powerIsOff(action: string): SimulatorError {
  return new SimulatorError('ERR_SIGNAL', `Can't ${action} without power; send POWER_ON first`);
}
