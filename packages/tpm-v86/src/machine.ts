import {
  deviceFactories,
  memoryClearRequest,
  type PluggedDevice,
  PPI_ADDRESS,
  PpiExecutor,
  type PpiMemory,
  REGISTERS,
  type TpmdevError,
} from 'tpm-integration/assembly';
import type { AttachTpmOptions } from './attachment.js';
import { asTpmdevError, V86Error } from './error.js';
import type { FirmwareSide } from './firmware-side.js';
import { FwCfgPorts } from './fw-cfg-ports.js';
import { GuestHold } from './guest-hold.js';
import { V86Memory } from './guest-memory.js';
import { LifeCycle } from './life-cycle.js';
import { BLOCK_SIZE, MmioBlock } from './mmio-block.js';
import { OverlayWithBlockLog, OverlayWithMemoryLog } from './overlay-tables.js';
import { readSavedTpm, type SavedTpm, writeSavedTpm } from './saved-tpm.js';
import type { V86Cpu } from './v86-members.js';

/** The block of the TPM: registers at its start, PPI memory, room for the event log above. */
const BLOCK_BASE = REGISTERS['tpm-tis'].address;
const LOG_OFFSET = BLOCK_SIZE / 2;

/** Default of `irq`, as QEMU. */
export const DEFAULT_IRQ = 5;

/** What is attached, before there is a machine. */
export interface TpmParts {
  readonly options: AttachTpmOptions;
  readonly device: PluggedDevice;
  readonly ppi: PpiMemory | undefined;
  readonly report: (error: TpmdevError) => void;
}

/** Raises and lowers an interrupt of a machine that is there later. */
export class LateInterrupt {
  /** The machine's processor, once there is one. */
  cpu: V86Cpu | undefined;
  readonly #number: number;

  constructor(number: number) {
    this.#number = number;
  }

  set(asserted: boolean): void {
    if (asserted) this.cpu?.device_raise_irq(this.#number);
    else this.cpu?.device_lower_irq(this.#number);
  }
}

/** @throws TpmdevError when the back end is in use, or doesn't go with the model */
export function plugDevice(options: AttachTpmOptions, interrupt: LateInterrupt): PluggedDevice {
  const { model, backend, irq = DEFAULT_IRQ, ppi = true, trace } = options;
  return deviceFactories.get(model)!({
    definition: { model, tpmdev: backend.kind, irq, ppi },
    family: 'pc',
    backend,
    pins: { line: () => interrupt },
    // Neither model accesses memory on its own.
    memory: { read: () => undefined, write: () => false },
    trace,
  });
}

/** A v86 machine with the TPM in it. */
export class TpmMachine {
  readonly firmware: FirmwareSide;
  readonly life: LifeCycle;
  /**
   * Resolves when the TPM is started, and has the state with which the machine was created, if any.
   * Rejects with a TpmdevError when that fails.
   */
  readonly started: Promise<void>;
  readonly #cpu: V86Cpu;
  readonly #parts: TpmParts;
  readonly #memory: V86Memory;
  readonly #hold: GuestHold;
  /** What the save under way will find. */
  #saved: SavedTpm | undefined;

  /**
   * Puts the TPM into a machine that is created and doesn't run yet, and begins to start it.
   *
   * @throws TpmdevError when the machine can't have it; it must not run then
   */
  constructor(cpu: V86Cpu, parts: TpmParts) {
    const { options, device, ppi, report } = parts;
    if (cpu.devices.acpi === undefined) {
      throw new V86Error(
        'ERR_V86_OPTION',
        'Attaching the TPM failed: the machine has no ACPI; pass acpi: true to new V86()',
      );
    }
    this.#cpu = cpu;
    this.#parts = parts;
    this.#memory = new V86Memory(cpu);
    const onFault = (cause: unknown): void =>
      report(asTpmdevError('ERR_V86_CALLBACK', 'An access to the TPM', cause));
    for (const [name, data] of options.files ?? []) cpu.option_roms.push({ name, data });
    const block = new MmioBlock(onFault);
    block.place(device.address - BLOCK_BASE, device.device.mmio);
    if (ppi !== undefined) block.place(PPI_ADDRESS - BLOCK_BASE, ppi);
    this.firmware = this.#tell(block, onFault);
    this.firmware.publish();
    block.mapInto(cpu.io, BLOCK_BASE);
    this.#hold = new GuestHold(cpu);
    this.life = new LifeCycle({
      frontEnd: device.device,
      backend: options.backend,
      firmware: this.firmware,
      hold: this.#hold,
      presence: this.#presence(),
      report,
    });
    this.#watchReset();
    this.#watchState();
    void this.life.reset();
    // With the state that the machine begins with, which v86 is going to restore at once.
    this.started = this.life.settled();
  }

  /** Saves the machine, through what `save` does; the guest stands still. */
  async saveState(save: () => Promise<ArrayBuffer>): Promise<ArrayBuffer> {
    const release = this.#hold.hold();
    try {
      this.#saved = await this.life.save();
      return await save();
    } finally {
      this.#saved = undefined;
      release();
    }
  }

  #tell(block: MmioBlock, onFault: (cause: unknown) => void): FirmwareSide {
    const { options, ppi } = this.#parts;
    const { model, backend, tables = 'overlay', eventLog = 'mmio' } = options;
    const tpm = { model, tpmVersion: backend.tpmVersion, ppi: ppi !== undefined };
    if (tables === 'fw-cfg') return new FwCfgPorts(this.#cpu, tpm, this.#memory, onFault);
    if (eventLog === 'ram') return new OverlayWithMemoryLog(this.#cpu, tpm, this.#memory);
    const place = { base: BLOCK_BASE, offset: LOG_OFFSET };
    return new OverlayWithBlockLog(this.#cpu, tpm, block, place);
  }

  #presence(): { memory: PpiMemory; executor: PpiExecutor } | undefined {
    const { options, ppi: memory } = this.#parts;
    if (memory === undefined) return undefined;
    const { backend, confirm } = options;
    return { memory, executor: new PpiExecutor({ memory, backend, confirm }) };
  }

  #watchReset(): void {
    const cpu = this.#cpu;
    const reboot = cpu.reboot_internal;
    cpu.reboot_internal = () => {
      try {
        this.#clearMemoryOnRequest();
        void this.life.reset();
      } catch (cause) {
        const error = asTpmdevError('ERR_V86_CALLBACK', 'Resetting the TPM', cause);
        this.#parts.report(error);
      }
      reboot.call(cpu);
    };
  }

  /** TCG Platform Reset Attack Mitigation. Before the reset: v86 puts the BIOS into memory there. */
  #clearMemoryOnRequest(): void {
    const { ppi, device } = this.#parts;
    if (ppi === undefined) return;
    const request = memoryClearRequest(ppi, this.#memory.ranges);
    if (request === undefined) return;
    for (const { address, length } of request.ranges) this.#memory.clear(address, length);
    device.guestMemory?.fill(0);
  }

  #watchState(): void {
    const cpu = this.#cpu;
    const getState = cpu.get_state;
    const setState = cpu.set_state;
    cpu.get_state = () => {
      const saved = this.#saved;
      if (saved === undefined) {
        throw new V86Error(
          'ERR_V86_STATE',
          "Saving the machine failed: v86's save_state() can't wait for the TPM; use saveState() of the TPM's attachment",
        );
      }
      const state = getState.call(cpu);
      writeSavedTpm(state, saved);
      return state;
    };
    cpu.set_state = (state) => {
      const { device, ppi } = this.#parts;
      // All this before anything changes: it throws when the state doesn't fit.
      const saved = readSavedTpm(state, {
        model: device.device.model,
        firmware: this.firmware.name,
        hasPpi: ppi !== undefined,
      });
      if (saved === undefined) void this.life.reset();
      else this.life.restore(saved);
      setState.call(cpu, state);
    };
  }
}
