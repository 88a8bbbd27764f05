import {
  fromHex,
  ScriptedBackend,
  type ScriptedBackendOptions,
} from '@tpmdev/testing/scripted-backend';
import type { AccessWidth, TraceEvent } from 'tpm-core';
import type { TisDebugDump } from '../src/debug-dump.js';
import type { TisError } from '../src/error.js';
import { ACCESS, DATA_FIFO, INT_ENABLE, LOCALITY_PAGE_SIZE, STS } from '../src/registers.js';
import { TisDevice, type TisDeviceOptions } from '../src/tis-device.js';

/** TPM2_Startup(CLEAR), 12 bytes. */
export const STARTUP = '80010000000c000001440000';

/** A command header of 10 bytes. */
export const SHORT_COMMAND = '80010000000a0000017b';

/** A device with a scripted back end and all its hooks recorded. */
export class Rig {
  readonly backend: ScriptedBackend;
  readonly device: TisDevice;
  readonly events: TraceEvent[] = [];
  readonly errors: TisError[] = [];
  readonly dumps: TisDebugDump[] = [];
  /** Every level that the device drove. */
  readonly levels: boolean[] = [];

  constructor(backend: ScriptedBackendOptions = {}, options: Partial<TisDeviceOptions> = {}) {
    this.backend = new ScriptedBackend(backend);
    this.device = new TisDevice({
      backend: this.backend,
      irq: { set: (asserted) => this.levels.push(asserted) },
      trace: (event) => this.events.push(event),
      onError: (error) => this.errors.push(error),
      onDebugDump: (dump) => this.dumps.push(dump),
      ...options,
    });
  }

  /** @returns a rig whose device went through its first reset */
  static async started(
    backend: ScriptedBackendOptions = {},
    options: Partial<TisDeviceOptions> = {},
  ): Promise<Rig> {
    const rig = new Rig(backend, options);
    await rig.device.reset();
    rig.backend.log.length = 0;
    rig.events.length = 0;
    return rig;
  }

  /** Level of the interrupt line. */
  get line(): boolean {
    return this.levels.at(-1) ?? false;
  }

  read(locality: number, offset: number, width: AccessWidth = 4): number {
    return this.device.mmio.read(locality * LOCALITY_PAGE_SIZE + offset, width);
  }

  write(locality: number, offset: number, value: number, width: AccessWidth = 4): void {
    this.device.mmio.write(locality * LOCALITY_PAGE_SIZE + offset, width, value);
  }

  access(locality: number): number {
    return this.read(locality, ACCESS.offset, 1);
  }

  /** TPM_ACCESS of all localities. */
  get accesses(): string {
    return [0, 1, 2, 3, 4].map((locality) => this.access(locality).toString(16)).join(' ');
  }

  writeAccess(locality: number, value: number): void {
    this.write(locality, ACCESS.offset, value, 1);
  }

  request(locality: number): void {
    this.writeAccess(locality, ACCESS.requestUse);
  }

  release(locality: number): void {
    this.writeAccess(locality, ACCESS.activeLocality);
  }

  seize(locality: number): void {
    this.writeAccess(locality, ACCESS.seize);
  }

  status(locality: number): number {
    return this.read(locality, STS.offset);
  }

  writeStatus(locality: number, value: number): void {
    this.write(locality, STS.offset, value);
  }

  ready(locality: number): void {
    this.writeStatus(locality, STS.commandReady);
  }

  go(locality: number): void {
    this.writeStatus(locality, STS.tpmGo);
  }

  /** Gives this answer to the command that is held back. */
  answer(response: Uint8Array): void {
    this.backend.replaceHeldResponse(response);
    this.backend.release();
  }

  /** Writes bytes to the FIFO one by one. */
  feed(locality: number, hex: string): void {
    for (const byte of fromHex(hex)) this.write(locality, DATA_FIFO.offset, byte, 1);
  }

  /** Reads bytes from the FIFO one by one. */
  drain(locality: number, count: number): string {
    let hex = '';
    for (let index = 0; index < count; index++) {
      hex += this.read(locality, DATA_FIFO.offset, 1).toString(16).padStart(2, '0');
    }
    return hex;
  }

  /** From Idle to Execution in a locality that owns the TPM. */
  send(locality: number, hex: string = STARTUP): void {
    this.ready(locality);
    this.ready(locality);
    this.feed(locality, hex);
    this.go(locality);
  }

  /** Lets all events raise the interrupt line in a locality that owns the TPM. */
  enableInterrupts(locality: number, events = 0x87): void {
    this.write(locality, INT_ENABLE.offset, INT_ENABLE.globalIntEnable | events);
  }
}
