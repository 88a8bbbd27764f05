import type {
  PpiExecutor,
  PpiMemory,
  ResetOutcome,
  TpmBackend,
  TpmdevError,
  TpmFrontEnd,
} from 'tpm-integration/assembly';
import { asTpmdevError, detachedError, V86Error } from './error.js';
import type { FirmwareSide } from './firmware-side.js';
import type { GuestHold } from './guest-hold.js';
import { SAVED_TPM_FORMAT, type SavedTpm } from './saved-tpm.js';

/** What a {@link LifeCycle} directs. */
export interface LifeCycleParts {
  readonly frontEnd: TpmFrontEnd;
  readonly backend: TpmBackend;
  readonly firmware: FirmwareSide;
  readonly hold: GuestHold;
  /** The physical presence interface, if there is one. */
  readonly presence: { readonly memory: PpiMemory; readonly executor: PpiExecutor } | undefined;
  readonly report: (error: TpmdevError) => void;
}

/**
 * Start, reset, save and restore of the TPM: one after the other, in the order in which they were
 * asked for. The guest stands still until the last of them is over, so it never sees a TPM that isn't
 * started, and nothing of it gets lost between the halves of a saved state. Answers to commands from
 * before a reset or restore are dropped by the front end.
 */
export class LifeCycle {
  readonly #parts: LifeCycleParts;
  #work: Promise<unknown> = Promise.resolve();
  #outstanding = 0;
  #failure: TpmdevError | undefined;
  #isDetached = false;

  constructor(parts: LifeCycleParts) {
    this.#parts = parts;
  }

  /** Does something while the guest stands still, after what is under way. */
  enqueue<Result>(action: () => Result | Promise<Result>): Promise<Result> {
    const release = this.#parts.hold.hold();
    this.#outstanding++;
    const done = this.#work.then(action).finally(() => {
      this.#outstanding--;
      release();
    });
    // Whoever asked for it gets the failure.
    this.#work = done.catch(() => {});
    return done;
  }

  /**
   * Machine reset. The log is empty when the call returns, and the registers have their reset values
   * unless something is under way; the guest stands still then. Never rejects.
   */
  reset(): Promise<ResetOutcome> {
    const { frontEnd, firmware } = this.#parts;
    firmware.reset();
    if (this.#isDetached) return Promise.resolve({ started: false, error: detachedError() });
    const begun = this.#outstanding === 0 ? frontEnd.reset() : undefined;
    return this.enqueue(async () => {
      if (this.#isDetached) return { started: false, error: detachedError() };
      let outcome = await (begun ?? frontEnd.reset());
      if (outcome.started) outcome = await this.#executeRequest(outcome);
      this.#failure = outcome.started ? undefined : outcome.error;
      if (!outcome.started) this.#parts.report(outcome.error);
      return outcome;
    });
  }

  /** Captures the TPM. Rejects with a TpmdevError when that is impossible; it goes on then. */
  save(): Promise<SavedTpm> {
    const { frontEnd, backend, firmware, presence } = this.#parts;
    return this.enqueue(async () => {
      if (this.#isDetached) throw detachedError();
      const blocker = backend.migrationBlocker();
      if (blocker !== undefined) {
        throw new V86Error('ERR_V86_STATE', `Saving the machine failed: ${blocker}`);
      }
      return {
        format: SAVED_TPM_FORMAT,
        model: frontEnd.model,
        firmware: firmware.name,
        // The front end first: it takes in the answer to a command in flight.
        frontEnd: await frontEnd.snapshot(),
        backend: await backend.snapshot(),
        ppi: presence?.memory.snapshot() ?? null,
        firmwareState: firmware.snapshot(),
      };
    });
  }

  /**
   * Puts a saved TPM in the place of the present one: the event log now, as the machine does with its
   * memory, the rest after what is under way. What goes wrong there is reported.
   *
   * @throws TpmdevError when the firmware side doesn't fit
   */
  restore(saved: SavedTpm): void {
    const { frontEnd, backend, firmware, presence } = this.#parts;
    firmware.restore(saved.firmwareState);
    void this.enqueue(async () => {
      try {
        if (this.#isDetached) throw detachedError();
        const outcome = await frontEnd.reset({ restoring: true });
        if (!outcome.started) throw outcome.error;
        await backend.restore(saved.backend);
        frontEnd.restore(saved.frontEnd);
        // Not before: a request of the past may be under way.
        if (saved.ppi !== null) presence?.memory.restore(saved.ppi);
        this.#failure = undefined;
      } catch (cause) {
        this.#failure = asTpmdevError('ERR_V86_STATE', 'Restoring the TPM', cause);
        this.#parts.report(this.#failure);
      }
    });
  }

  /** Gives the back end up, after what is under way; it is not used any more then. Never rejects. */
  detach(): Promise<void> {
    return this.enqueue(() => {
      this.#isDetached = true;
      return this.#parts.frontEnd.detach();
    });
  }

  /**
   * Resolves when nothing is under way; rejects with a TpmdevError when the last start or restore
   * failed.
   */
  async settled(): Promise<void> {
    while (this.#outstanding > 0) await this.#work;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What a firmware with physical presence support does at each boot; SeaBIOS has none. */
  async #executeRequest(started: ResetOutcome): Promise<ResetOutcome> {
    const { presence, frontEnd, report } = this.#parts;
    if (presence === undefined) return started;
    presence.executor.initialise();
    let outcome = started;
    try {
      while (outcome.started && (await presence.executor.execute()).resetDue) {
        outcome = await frontEnd.reset();
      }
    } catch (cause) {
      report(asTpmdevError('ERR_V86_CALLBACK', 'Asking for physical presence', cause));
    }
    return outcome;
  }
}
