import {
  type BackendEvent,
  PpiMemory,
  type ResetOutcome,
  type TpmdevError,
  type TpmFrontEnd,
} from 'tpm-integration/assembly';
import type { AttachTpmOptions, TpmAttachment } from './attachment.js';
import { asTpmdevError, detachedError, V86Error } from './error.js';
import { DEFAULT_IRQ, LateInterrupt, plugDevice, TpmMachine } from './machine.js';
import { checkMembers, isCreated, type V86Emulator } from './v86-members.js';

const MODELS: readonly string[] = ['tpm-tis', 'tpm-crb'];
const TABLES: readonly string[] = ['overlay', 'fw-cfg'];
const EVENT_LOGS: readonly string[] = ['mmio', 'ram'];

/** Interrupts without a device of v86, or with one that is silent or shares. */
const INTERRUPTS: readonly number[] = [3, 5, 7, 10, 11];

/** Longest name of a fw_cfg file. */
const LARGEST_NAME = 55;

function checkChoice(option: string, value: unknown, choices: readonly unknown[]): void {
  if (value === undefined || choices.includes(value)) return;
  throw new V86Error(
    'ERR_V86_OPTION',
    `Option "${option}" can't be ${JSON.stringify(value)}; use ${choices.join(', ')}`,
  );
}

function checkOptions(options: AttachTpmOptions): void {
  checkChoice('model', options.model ?? null, MODELS);
  checkChoice('tables', options.tables, TABLES);
  checkChoice('eventLog', options.eventLog, EVENT_LOGS);
  checkChoice('irq', options.irq, INTERRUPTS);
  if (options.tables === 'fw-cfg' && options.eventLog !== undefined) {
    throw new V86Error(
      'ERR_V86_OPTION',
      `Option "eventLog" can't be "${options.eventLog}" with tables "fw-cfg", where firmware chooses the place; leave it out`,
    );
  }
  for (const name of options.files?.keys() ?? []) {
    if (/^[!-~]+$/.test(name) && name.length <= LARGEST_NAME) continue;
    throw new V86Error(
      'ERR_V86_OPTION',
      `Option "files" can't have a file ${JSON.stringify(name)}; use names of 1 to ${LARGEST_NAME} printable ASCII characters`,
    );
  }
}

/** The TPM and, once v86 has created it, the machine that it is in. */
class Attachment implements TpmAttachment {
  readonly ready: Promise<void>;
  readonly frontEnd: TpmFrontEnd;
  readonly ppi: PpiMemory | undefined;
  readonly #emulator: V86Emulator;
  readonly #options: AttachTpmOptions;
  readonly #created: Promise<TpmMachine>;
  readonly #onEvent = ({ error }: BackendEvent): void => this.#report(error);
  #machine: TpmMachine | undefined;
  #isDetached = false;
  #reported: TpmdevError | undefined;

  constructor(emulator: V86Emulator, options: AttachTpmOptions) {
    const interrupt = new LateInterrupt(options.irq ?? DEFAULT_IRQ);
    const device = plugDevice(options, interrupt);
    this.#emulator = emulator;
    this.#options = options;
    this.frontEnd = device.device;
    this.ppi = options.ppi === false ? undefined : new PpiMemory();
    options.backend.onEvent ??= this.#onEvent;
    this.#created = new Promise((resolve, reject) => {
      emulator.add_listener('emulator-ready', () => {
        // What is thrown here would be lost in v86.
        try {
          if (this.#isDetached) throw detachedError();
          const cpu = checkMembers(emulator, options.tables === 'fw-cfg');
          interrupt.cpu = cpu;
          const report = (error: TpmdevError): void => this.#report(error);
          this.#machine = new TpmMachine(cpu, { options, device, ppi: this.ppi, report });
          resolve(this.#machine);
        } catch (cause) {
          reject(asTpmdevError('ERR_V86_CALLBACK', 'Attaching the TPM', cause));
        }
      });
    });
    this.ready = this.#start();
    // It is reported too, so that nobody has to wait for it.
    this.ready.catch(() => {});
  }

  async reset(): Promise<ResetOutcome> {
    const machine = this.#machine;
    return machine === undefined ? await this.frontEnd.reset() : await machine.life.reset();
  }

  async settled(): Promise<void> {
    const machine = await this.#created;
    await machine.life.settled();
  }

  eventLog(): Uint8Array | undefined {
    return this.#machine?.firmware.eventLog();
  }

  async saveState(): Promise<ArrayBuffer> {
    const machine = await this.#created;
    return await machine.saveState(() => this.#emulator.save_state());
  }

  async detach(): Promise<void> {
    this.#isDetached = true;
    const machine = this.#machine;
    if (machine === undefined) await this.frontEnd.detach();
    else await machine.life.detach();
    if (this.#options.backend.onEvent === this.#onEvent) this.#options.backend.onEvent = undefined;
  }

  async #start(): Promise<void> {
    try {
      const machine = await this.#created;
      await machine.started;
    } catch (cause) {
      const error = asTpmdevError('ERR_V86_CALLBACK', 'Attaching the TPM', cause);
      this.#stopMachine();
      this.#report(error);
      throw error;
    }
  }

  /** Lets no guest run that would miss its TPM: not now, and not when somebody starts it again. */
  #stopMachine(): void {
    const stop = (): void => void this.#emulator.stop();
    this.#emulator.add_listener('emulator-started', stop);
    stop();
  }

  #report(error: TpmdevError): void {
    if (error === this.#reported) return;
    this.#reported = error;
    try {
      this.#options.onError(error);
    } catch (cause) {
      // Not into v86: an unhandled rejection of the host.
      void Promise.reject(cause);
    }
  }
}

/**
 * Attaches a TPM to a v86 machine.
 *
 * Call it in the same turn as `new V86()`: the TPM has to be in the machine before its guest runs.
 *
 * @param emulator a `V86` object whose machine isn't created yet, made with `acpi: true`
 * @throws TpmdevError when an option can't be used, when it is too late, or when the back end is in
 * use or doesn't go with the device; nothing was attached then. What goes wrong afterwards, such as a
 * v86 without a member that the TPM needs, comes from {@link TpmAttachment.ready}
 *
 * @example
 * const emulator = new V86({ wasm_path, bios, vga_bios, acpi: true, autostart: true });
 * const tpm = attachTpm(emulator, { model: 'tpm-tis', backend, onError: console.error });
 * await tpm.ready;
 */
export function attachTpm(emulator: V86Emulator, options: AttachTpmOptions): TpmAttachment {
  checkOptions(options);
  if (isCreated(emulator)) {
    throw new V86Error(
      'ERR_V86_OPTION',
      'Attaching the TPM failed: the machine is created already; call attachTpm() in the same turn as new V86()',
    );
  }
  return new Attachment(emulator, options);
}
