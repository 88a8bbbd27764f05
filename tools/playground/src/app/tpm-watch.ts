// Watches a TPM at work and keeps the inspector's panels up to date. Looks only: nothing here
// changes what the guest sees.

import { TpmdevError, type TraceEvent } from 'tpm-core';
import { HASH_ALGORITHM, type PcrBanks } from 'tpm-fwcfg-ppi/event-log';
import { LOCALITY_COUNT } from 'tpm-tis';
import { CommandStream } from '../model/command-stream.js';
import { CRB_REGISTERS } from '../model/crb-registers.js';
import { type EventLogView, viewEventLog } from '../model/event-log-view.js';
import { type PcrBankView, viewPcrs } from '../model/pcr-table.js';
import { type ReadRegister, viewRegisters } from '../model/register-fields.js';
import { activeLocality, localityBase, TIS_REGISTERS } from '../model/tis-registers.js';
import { CommandPanel } from '../panels/command-panel.js';
import { EventLogPanel } from '../panels/event-log-panel.js';
import { PcrPanel } from '../panels/pcr-panel.js';
import { PcrStrip } from '../panels/pcr-strip.js';
import { RegisterPanel, type RegisterSource } from '../panels/register-panel.js';
import { BROWSER_HASHES } from './hashes.js';
import type { Machine, TpmModel } from './machine.js';
import { Refresh } from './refresh.js';

/** Milliseconds between a command that changes PCRs and the look at them. */
const REFRESH_INTERVAL = 200;

/** Commands after which PCRs may be others. */
const PCR_COMMANDS: ReadonlySet<string> = new Set([
  'TPM2_Startup',
  'TPM2_PCR_Extend',
  'TPM2_PCR_Event',
  'TPM2_PCR_Reset',
  'TPM2_PCR_Allocate',
  'TPM2_EventSequenceComplete',
]);

/** What a {@link TpmWatch} is made with. */
export interface TpmWatchOptions {
  /** Reads the TPM's PCRs without disturbing it; `undefined` when they can't be read. */
  readonly readPcrs: () => Promise<PcrBanks | undefined>;
  /** An empty list for the small PCR cells. */
  readonly strip: HTMLElement;
  /** A command was answered. @param name of the command */
  readonly onCommand: (name: string) => void;
  readonly onError: (error: unknown) => void;
}

/** What is known of the TPM by looking at it. */
export class TpmWatch {
  readonly stream: CommandStream = new CommandStream();
  readonly commandPanel: CommandPanel = new CommandPanel(this.stream);
  readonly pcrPanel: PcrPanel = new PcrPanel();
  readonly logPanel: EventLogPanel = new EventLogPanel();
  readonly registerPanel: RegisterPanel = new RegisterPanel();
  readonly #options: TpmWatchOptions;
  readonly #strip: PcrStrip;
  readonly #refresh: Refresh;
  #machine: Machine | undefined;
  #registerAccesses = 0;
  #earlierCommands = 0;
  /** This page reads a register itself. */
  #isLooking = false;
  #views: readonly PcrBankView[] = [];
  #banks: PcrBanks | undefined;
  #log: EventLogView | undefined;
  /** Firmware still measures: it extends first and logs then. */
  isMeasuring = false;

  constructor(options: TpmWatchOptions) {
    this.#options = options;
    this.#strip = new PcrStrip(options.strip);
    this.#refresh = new Refresh(REFRESH_INTERVAL, () => this.#look(), options.onError);
  }

  /** Register accesses of the guest since the machine was started. */
  get registerAccesses(): number {
    return this.#registerAccesses;
  }

  /** Commands of the guest since the machine was started. */
  get commands(): number {
    return this.stream.count - this.#earlierCommands;
  }

  /** The PCRs as they were seen last. */
  get banks(): PcrBanks | undefined {
    return this.#banks;
  }

  /** Bytes of the event log as it was seen last. */
  get logLength(): number {
    return this.#log?.length ?? 0;
  }

  /** Another machine, or `undefined` while there is none. */
  connect(machine: Machine | undefined, model: TpmModel): void {
    this.#machine = machine;
    this.#registerAccesses = 0;
    this.#earlierCommands = this.stream.count;
    this.#views = [];
    this.registerPanel.connect(machine && this.#registers(machine, model));
    this.refresh();
  }

  /** Looks at PCRs and log soon. */
  refresh(): void {
    this.#refresh.request();
  }

  /** Looks at PCRs and log now. */
  lookNow(): Promise<void> {
    return this.#look();
  }

  /** Takes in what the device does. */
  trace(event: TraceEvent): void {
    switch (event.type) {
      case 'register-read':
      case 'register-write':
        if (!this.#isLooking) this.#registerAccesses++;
        break;
      case 'command':
        this.stream.command(event.bytes, event.locality, performance.now());
        break;
      case 'response': {
        const name = this.stream.response(event.bytes, performance.now())?.name;
        if (name === undefined) break;
        if (PCR_COMMANDS.has(name)) this.refresh();
        this.#options.onCommand(name);
        break;
      }
    }
  }

  #registers(machine: Machine, model: TpmModel): RegisterSource {
    const { mmio } = machine.frontEnd;
    const look = <Result>(view: (read: ReadRegister) => Result): Result => {
      this.#isLooking = true;
      try {
        return view((offset, width) => mmio.read(offset, width));
      } finally {
        this.#isLooking = false;
      }
    };
    if (model === 'tpm-crb') {
      const registers = () => look((read) => viewRegisters(CRB_REGISTERS, read));
      const isAssigned = () =>
        registers().some(({ fields }) =>
          fields.some(({ name, value }) => name === 'locAssigned' && value === 1),
        );
      return { localityCount: 1, registers, active: () => (isAssigned() ? 0 : undefined) };
    }
    return {
      localityCount: LOCALITY_COUNT,
      registers: (locality) =>
        look((read) => viewRegisters(TIS_REGISTERS, read, localityBase(locality))),
      active: () => look(activeLocality),
    };
  }

  async #look(): Promise<void> {
    const machine = this.#machine;
    const banks = await this.#options.readPcrs();
    const log = await viewEventLog(machine?.eventLog(), banks, BROWSER_HASHES);
    if (machine !== this.#machine) return;
    this.#banks = banks;
    this.#views = banks === undefined ? [] : viewPcrs(banks, this.#views);
    this.#log = this.#whileMeasuring(log);
    this.pcrPanel.update(this.#views);
    this.logPanel.update(this.#log);
    this.#strip.update(
      this.#views.find(({ algorithm }) => algorithm === HASH_ALGORITHM['SHA-256']),
    );
  }

  #whileMeasuring(log: EventLogView): EventLogView {
    if (!this.isMeasuring || log.verdict.state !== 'differs') return log;
    const text = 'The firmware is measuring: it extends a PCR first and writes the log then';
    return { ...log, verdict: { state: 'unknown', text } };
  }
}

/** @returns what is to be said of a failure */
export function messageOf(error: unknown): string {
  if (TpmdevError.isInstance(error) || error instanceof Error) return error.message;
  return String(error);
}
