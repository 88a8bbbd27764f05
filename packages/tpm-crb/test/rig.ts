import {
  fromHex,
  ScriptedBackend,
  type ScriptedBackendOptions,
  toHex,
} from '@tpmdev/testing/scripted-backend';
import { type AccessWidth, type TpmdevError, type TraceEvent, writeUnaligned } from 'tpm-core';
import { CrbDevice, type CrbDeviceOptions } from '../src/crb-device.js';
import {
  CRB_DATA_BUFFER_OFFSET,
  CRB_DATA_BUFFER_SIZE,
  CTRL_CANCEL,
  CTRL_REQ,
  CTRL_START,
  CTRL_STS,
  LOC_CTRL,
} from '../src/registers.js';

/** TPM2_Startup(CLEAR), 12 bytes. */
export const STARTUP = '80010000000c000001440000';

/** What a back end that has no TPM answers. */
export const FAILURE = '00c40000000a00000009';

/** @returns a well-formed message of `length` bytes in hexadecimal, no two neighbours alike */
export function message(length: number, seed = 0): string {
  const bytes = Uint8Array.from({ length }, (_, index) => 1 + ((index * 7 + seed) % 251));
  bytes.set([0x80, 0x01, length >>> 24, length >>> 16, length >>> 8, length]);
  return toHex(bytes);
}

/** A device with a scripted back end and all its hooks recorded. */
export class Rig {
  readonly backend: ScriptedBackend;
  readonly device: CrbDevice;
  readonly events: TraceEvent[] = [];
  readonly errors: TpmdevError[] = [];

  constructor(backend: ScriptedBackendOptions = {}, options: Partial<CrbDeviceOptions> = {}) {
    this.backend = new ScriptedBackend(backend);
    this.device = new CrbDevice({
      backend: this.backend,
      trace: (event) => this.events.push(event),
      onError: (error) => this.errors.push(error),
      ...options,
    });
  }

  /** @returns a rig whose device went through its first reset */
  static async started(
    backend: ScriptedBackendOptions = {},
    options: Partial<CrbDeviceOptions> = {},
  ): Promise<Rig> {
    const rig = new Rig(backend, options);
    await rig.device.reset();
    rig.backend.log.length = 0;
    rig.events.length = 0;
    return rig;
  }

  read(offset: number, width: AccessWidth = 4): number {
    return this.device.mmio.read(offset, width);
  }

  write(offset: number, value: number, width: AccessWidth = 4): void {
    this.device.mmio.write(offset, width, value);
  }

  request(): void {
    this.write(LOC_CTRL.offset, LOC_CTRL.requestAccess);
  }

  relinquish(): void {
    this.write(LOC_CTRL.offset, LOC_CTRL.relinquish);
  }

  ready(): void {
    this.write(CTRL_REQ.offset, CTRL_REQ.cmdReady);
  }

  idle(): void {
    this.write(CTRL_REQ.offset, CTRL_REQ.goIdle);
  }

  /** CTRL_START. */
  get running(): number {
    return this.read(CTRL_START.offset);
  }

  /** CTRL_STS. */
  get status(): number {
    return this.read(CTRL_STS.offset);
  }

  start(bits: number = CTRL_START.start): void {
    this.write(CTRL_START.offset, bits);
  }

  cancel(): void {
    this.write(CTRL_CANCEL.offset, CTRL_CANCEL.cancel);
  }

  /** Writes bytes into the data buffer as a guest does: words where it can. */
  fill(hex: string, at = 0): void {
    writeUnaligned(this.device.mmio, CRB_DATA_BUFFER_OFFSET + at, fromHex(hex));
  }

  /** Reads bytes of the data buffer as a guest does. */
  data(length: number = CRB_DATA_BUFFER_SIZE, at = 0): string {
    const bytes = Uint8Array.from({ length }, (_, index) =>
      this.read(CRB_DATA_BUFFER_OFFSET + at + index, 1),
    );
    return toHex(bytes);
  }

  /** Writes a command that fits the data buffer and starts it. */
  send(hex: string = STARTUP): void {
    this.fill(hex);
    this.start();
  }

  /** Hands over all pieces of a command but the last, then starts it. */
  sendChunks(hex: string): void {
    const size = 2 * CRB_DATA_BUFFER_SIZE;
    for (let at = 0; at < hex.length; at += size) {
      this.fill(hex.slice(at, at + size));
      this.start(at + size < hex.length ? CTRL_START.nextChunk : CTRL_START.start);
    }
  }

  /** Reads a whole response piece by piece. */
  receiveChunks(length: number): string {
    let hex = '';
    while (hex.length < 2 * length) {
      if (hex !== '') this.start(CTRL_START.nextChunk);
      hex += this.data(Math.min(CRB_DATA_BUFFER_SIZE, length - hex.length / 2));
    }
    return hex;
  }
}
