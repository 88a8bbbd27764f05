import type { IrqLine, Locality, TpmVersion, TraceHook } from 'tpm-core';
import { Fifo } from './fifo.js';
import {
  type LocalityOrNone,
  LocalityRegisters,
  NO_LOCALITY,
  type TisStateName,
} from './locality.js';
import { INT_ENABLE, INT_STATUS, LOCALITY_COUNT, STS } from './registers.js';

/** What the registers ask of the back end. All of it returns at once. */
export interface TisPort {
  /** Sends the command in the buffer, unless another one is running; this one is lost then. */
  send(locality: LocalityRegisters): void;
  /** Asks to cut the running command short. */
  cancel(): void;
  /** Asks to clear the TPM-established flag. */
  resetEstablished(locality: LocalityRegisters): void;
  /** The TPM-established flag. */
  readonly established: boolean;
}

/**
 * The state behind the registers and each way in which it changes. Synchronous; knows neither
 * offsets nor promises.
 */
export class TisCore {
  readonly tpmVersion: TpmVersion;
  readonly interruptVector: number;
  readonly port: TisPort;
  readonly trace: TraceHook | undefined;
  readonly fifo: Fifo = new Fifo();
  readonly localities: readonly LocalityRegisters[];
  /** Who owns the TPM. */
  active: LocalityOrNone = NO_LOCALITY;
  /** Who asked for the abort under way; {@link NO_LOCALITY} also when nobody owned the TPM. */
  aborting: LocalityOrNone = NO_LOCALITY;
  /** Who owns the TPM after the abort under way; {@link NO_LOCALITY} when there is none. */
  next: LocalityOrNone = NO_LOCALITY;
  /** Locality in the request record: whom the next answer is credited to. */
  requester: LocalityOrNone = NO_LOCALITY;
  /** Level of the interrupt line. */
  lineAsserted = false;
  readonly #irq: IrqLine | undefined;

  constructor(
    tpmVersion: TpmVersion,
    interruptVector: number,
    port: TisPort,
    irq: IrqLine | undefined,
    trace: TraceHook | undefined,
  ) {
    this.tpmVersion = tpmVersion;
    this.interruptVector = interruptVector;
    this.port = port;
    this.#irq = irq;
    this.trace = trace;
    this.localities = Array.from(
      { length: LOCALITY_COUNT },
      (_, number) => new LocalityRegisters(number as Locality, tpmVersion),
    );
  }

  /** The registers of the locality that owns the TPM. */
  get owner(): LocalityRegisters | undefined {
    return this.localities[this.active];
  }

  /** Whether a locality waits for an answer. */
  get isExecuting(): boolean {
    for (let number = 0; number < this.localities.length; number++) {
      if (this.localities[number]!.state === 'execution') return true;
    }
    return false;
  }

  /** The only place where a locality's state changes. */
  changeState(locality: LocalityRegisters, to: TisStateName): void {
    const from = locality.state;
    if (from === to) return;
    locality.state = to;
    this.trace?.({ type: 'state', locality: locality.number, from, to });
  }

  /** The only place where another locality becomes the owner. */
  changeOwner(to: LocalityOrNone): void {
    const from = this.active;
    const loser = this.owner;
    const winner = this.localities[to];
    if (to !== from && loser !== undefined) {
      if (winner?.seize === true) loser.beenSeized = true;
      else loser.requestUse = false;
    }
    this.active = to;
    if (winner !== undefined) {
      winner.requestUse = false;
      winner.seize = false;
    }
    if (to === from) return;
    this.trace?.({ type: 'locality', from, to });
    if (winner !== undefined) this.raiseInterrupt(winner, INT_ENABLE.localityChange);
  }

  /** Enters Ready with its flag and its interrupt. */
  becomeReady(locality: LocalityRegisters): void {
    this.changeState(locality, 'ready');
    locality.setFlags(STS.commandReady);
    this.raiseInterrupt(locality, INT_ENABLE.commandReady);
  }

  /** Hands the command in the buffer to the back end. */
  execute(locality: LocalityRegisters): void {
    this.changeState(locality, 'execution');
    // QEMU: the record is overwritten even when the back end is busy with an earlier command. This
    // command is lost then, and the answer to the earlier one is credited to this locality.
    this.requester = locality.number;
    this.port.send(locality);
  }

  /**
   * Ends what the present owner does in favour of a next one: at once, or when the running command
   * was answered. A second abort replaces the first.
   */
  startAbort(by: LocalityOrNone, next: LocalityOrNone): void {
    this.aborting = by;
    this.next = next;
    if (this.isExecuting) this.port.cancel();
    else this.#finishAbort();
  }

  #finishAbort(): void {
    this.fifo.rewind();
    const aborter = this.localities[this.aborting];
    if (aborter !== undefined && this.aborting === this.next) this.becomeReady(aborter);
    this.changeOwner(this.next);
    this.aborting = NO_LOCALITY;
    this.next = NO_LOCALITY;
  }

  /**
   * Takes in the answer to the running command.
   *
   * @param response at most as many bytes as the buffer holds
   * @param selfTestDone the exchange was a successful TPM_ContinueSelfTest
   */
  answer(response: Uint8Array, selfTestDone: boolean): void {
    const requester = this.localities[this.requester];
    if (requester === undefined) return;
    this.trace?.({ type: 'response', locality: requester.number, bytes: response });
    if (selfTestDone) for (const locality of this.localities) locality.status |= STS.selfTestDone;
    this.fifo.load(response);
    this.changeState(requester, 'completion');
    requester.setFlags(STS.stsValid | STS.dataAvail);
    this.requester = NO_LOCALITY;
    if (this.next !== NO_LOCALITY) this.#finishAbort();
    this.raiseInterrupt(requester, INT_ENABLE.dataAvail | INT_ENABLE.stsValid);
  }

  /**
   * Reports events to a locality that enabled at least one of them. QEMU: all of `events` show up
   * in its TPM_INT_STATUS then.
   */
  raiseInterrupt(locality: LocalityRegisters, events: number): void {
    const enabled = locality.interruptEnable;
    if ((enabled & INT_ENABLE.globalIntEnable) === 0 || (enabled & events) === 0) return;
    locality.interruptStatus |= events;
    this.driveLine(true);
  }

  /**
   * Clears events. QEMU: the line drops as soon as this locality has none left, whatever the
   * others have; and not when it had none to begin with.
   */
  acknowledgeInterrupt(locality: LocalityRegisters, events: number): void {
    if ((events & INT_STATUS.events) === 0 || locality.interruptStatus === 0) return;
    locality.interruptStatus &= ~events;
    if (locality.interruptStatus === 0) this.driveLine(false);
  }

  /**
   * Sets the line, also to the level that it has: the interrupt controller may have been reset
   * since, this device's line was not.
   */
  driveLine(asserted: boolean): void {
    this.lineAsserted = asserted;
    this.#irq?.set(asserted);
  }

  /** Reset values everywhere. QEMU: the buffer's bytes and the interrupt line stay. */
  reset(): void {
    this.aborting = NO_LOCALITY;
    this.next = NO_LOCALITY;
    this.requester = NO_LOCALITY;
    this.changeOwner(NO_LOCALITY);
    this.fifo.rewind();
    for (const locality of this.localities) {
      this.changeState(locality, 'idle');
      locality.reset(this.tpmVersion);
    }
  }
}
