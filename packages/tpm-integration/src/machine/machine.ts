import type { ResetOutcome, TpmBackend, TpmFrontEnd, TraceHook } from 'tpm-core';
import { memoryClearRequest, PpiMemory } from 'tpm-fwcfg-ppi/ppi';
import type { DeviceDefinition, MachineDescription } from '../description.js';
import { FirmwareInterface } from '../firmware/firmware-interface.js';
import { AddressSpace } from './address-space.js';
import { deviceFactories, type PluggedDevice } from './device-factories.js';
import { MachineError } from './error.js';
import { InterruptPins } from './interrupt-pins.js';
import { type MachineMap, machineMap, type RamRange } from './memory-map.js';
import { PortSpace } from './port-space.js';
import { Ram } from './ram.js';
import { VirtualClock } from './virtual-clock.js';
import { WatchedBackend } from './watched-backend.js';

/**
 * State of the machine in QEMU's words (QMP: `RunState`): created or reset while stopped, running,
 * or stopped in the middle.
 */
export type RunState = 'prelaunch' | 'running' | 'paused';

/** A change that monitors announce. */
export interface MachineEvent {
  readonly type: 'RESET' | 'STOP' | 'RESUME';
}

/** What a machine is built from besides its description. */
export interface MachineParts {
  /** The open back end of the device; required when the description has a device. */
  readonly backend?: TpmBackend;
  /** Receives what the TPM device does. */
  readonly trace?: TraceHook;
}

/** Something that an object path leads to. */
export interface MachineObject {
  /** Its absolute path. */
  readonly path: string;
  /** Its interrupt inputs, when it has such. */
  readonly pins?: InterruptPins;
}

/**
 * A machine without a processor: memory, the TPM device at its place, PPI memory, what firmware needs
 * to know of it (fw_cfg), interrupt pins and a virtual clock. The outside does what a processor would
 * do.
 *
 * Call {@link reset} once before the first access.
 */
export class HeadlessMachine {
  readonly description: MachineDescription;
  /** Physical memory and registers. */
  readonly memory: AddressSpace = new AddressSpace();
  /** I/O ports. */
  readonly ports: PortSpace = new PortSpace();
  /** Inputs of the interrupt controller. */
  readonly pins: InterruptPins;
  /** Virtual time. */
  readonly clock: VirtualClock = new VirtualClock();
  /** The TPM device. */
  readonly tpm: TpmFrontEnd | undefined;
  /** Memory of the physical presence interface, when the device has one. */
  readonly ppi: PpiMemory | undefined;
  /** What firmware gets; machine `pseries` has no fw_cfg. */
  readonly firmware: FirmwareInterface | undefined;
  readonly #ramRanges: readonly RamRange[];
  /** Guest memory that is in the TPM device. */
  readonly #deviceMemory: Uint8Array | undefined;
  readonly #objects: Map<string, MachineObject> = new Map();
  readonly #listeners: Set<(event: MachineEvent) => void> = new Set();
  #intercepted: MachineObject | undefined;
  #status: RunState = 'prelaunch';
  #created = false;
  #outstanding = 0;
  #waiting: (() => void)[] = [];

  /**
   * @throws TpmdevError when the description has a device without a back end, of an unknown model,
   * or that the machine has no place for
   */
  constructor(description: MachineDescription, parts: MachineParts = {}) {
    this.description = description;
    const ram = new Ram(description.ramSize);
    const map = machineMap(description.family, description.ramSize);
    this.pins = new InterruptPins(map.interruptPins);
    this.#ramRanges = map.ram;
    this.#mapMemory(map, ram);
    const [path] = map.interruptController;
    if (path !== undefined) {
      this.#name({ path, pins: this.pins }, map.interruptController);
    }
    if (description.device !== undefined) {
      const plugged = this.#plug(description.device, parts);
      this.tpm = plugged.device;
      this.#deviceMemory = plugged.guestMemory;
      this.memory.mapRegisters(plugged.address, plugged.device.mmio);
      if (plugged.ppiAddress !== undefined) {
        this.ppi = new PpiMemory();
        this.memory.mapBytes(plugged.ppiAddress, this.ppi.bytes);
      }
    }
    if (description.family !== 'pseries') {
      const tpmVersion = description.device && parts.backend?.tpmVersion;
      this.firmware = new FirmwareInterface(description, tpmVersion, this);
    }
  }

  /** State in QEMU's words. */
  get status(): RunState {
    return this.#status;
  }

  /** Whether the guest would run, had it a processor. */
  get running(): boolean {
    return this.#status === 'running';
  }

  /**
   * Whether a reset, or a register write that waits for the TPM, is under way. Until it is over
   * nobody should access the machine: a real one would not answer.
   */
  get busy(): boolean {
    return this.#outstanding > 0;
  }

  /** Calls back once {@link busy} is `false`; at once if it is. */
  whenReady(callback: () => void): void {
    if (this.busy) this.#waiting.push(callback);
    else callback();
  }

  /** Byte order of accesses of more than one byte. */
  get bigEndian(): boolean {
    return this.description.target === 'ppc64';
  }

  /**
   * Reports changes at an object's interrupt pins from now on. One object of a machine can be
   * intercepted, once; again is fine and changes nothing.
   *
   * @param inputs whether its inputs are meant; no object here has outputs that are known
   * @returns `false` when another object is intercepted
   */
  intercept(object: MachineObject, inputs: boolean): boolean {
    if (this.#intercepted === undefined) {
      this.#intercepted = object;
      if (inputs) object.pins?.intercept();
    }
    return this.#intercepted === object;
  }

  /**
   * Receives what monitors announce.
   *
   * @returns a function that ends the subscription
   */
  onEvent(listener: (event: MachineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Machine reset. The first one completes the creation. Memory keeps its contents, unless the
   * guest asked through PPI memory to clear it (TCG Platform Reset Attack Mitigation); PPI memory
   * always keeps its own.
   */
  async reset(): Promise<ResetOutcome> {
    const first = !this.#created;
    this.#created = true;
    this.#outstanding++;
    // Before the device: it may still put the answer to a running command into its memory.
    this.#clearMemoryOnRequest();
    this.firmware?.reset();
    const restart = this.tpm?.reset();
    const outcome: ResetOutcome = (await restart) ?? { started: true };
    this.firmware?.publish(outcome.started);
    if (first) {
      if (!this.description.startPaused) this.#status = 'running';
    } else {
      // QEMU: a stopped machine counts as new after a reset.
      if (this.#status === 'paused') this.#status = 'prelaunch';
      this.#announce('RESET');
    }
    this.#finishOutstanding();
    return outcome;
  }

  /** Stops a running machine. The TPM finishes its command. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.#status = 'paused';
    this.#announce('STOP');
  }

  /** Lets a stopped machine go on. */
  async cont(): Promise<void> {
    if (this.running) return;
    this.#status = 'running';
    this.#announce('RESUME');
  }

  /**
   * @param name an object path, or a unique end of one; QEMU: only the objects exist here that
   * belong to the TPM, and the interrupt controller
   */
  findObject(name: string): MachineObject | undefined {
    return this.#objects.get(name);
  }

  #mapMemory(map: MachineMap, ram: Ram): void {
    for (const { address, offset, size } of map.ram) {
      this.memory.mapRam(address, ram, offset, size);
    }
    for (const [start, size] of map.ones) this.memory.mapOnes(start, size);
  }

  #plug(definition: DeviceDefinition, parts: MachineParts): PluggedDevice {
    const factory = deviceFactories.get(definition.model);
    if (factory === undefined) {
      throw new MachineError(`Device "${definition.model}" is not available in this version`);
    }
    if (parts.backend === undefined) {
      throw new MachineError(
        `Device "${definition.model}" has no back end; open "${definition.tpmdev}" and pass it`,
      );
    }
    const short =
      definition.id === undefined
        ? ['peripheral-anon/device[0]']
        : [`peripheral/${definition.id}`, definition.id];
    const path = `/machine/${short[0]}`;
    this.#name({ path }, [path, ...short]);
    return factory({
      definition,
      family: this.description.family,
      backend: new WatchedBackend(parts.backend, (cleared) => this.#awaitClearing(cleared)),
      pins: this.pins,
      memory: this.memory,
      trace: parts.trace,
    });
  }

  #name(object: MachineObject, names: readonly string[]): void {
    for (const name of names) this.#objects.set(name, object);
  }

  #clearMemoryOnRequest(): void {
    if (this.ppi === undefined) return;
    const ranges = this.#ramRanges.map(({ address, size }) => ({ address, length: size }));
    const request = memoryClearRequest(this.ppi, ranges);
    if (request === undefined) return;
    for (const { address, length } of request.ranges) this.memory.busFill(address, length, 0);
    this.#deviceMemory?.fill(0);
  }

  #awaitClearing(cleared: Promise<void>): void {
    this.#outstanding++;
    const finish = () => this.#finishOutstanding();
    cleared.then(finish, finish);
  }

  #finishOutstanding(): void {
    this.#outstanding--;
    if (this.busy) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }

  #announce(type: MachineEvent['type']): void {
    for (const listener of this.#listeners) listener({ type });
  }
}
