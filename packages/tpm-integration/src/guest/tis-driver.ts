import { HEADER_OFFSET, HEADER_SIZE, type MmioRegion, readUint32 } from 'tpm-core';
import {
  EVENT_LOOP_PACING,
  GuestDriverError,
  type GuestTransport,
  type Pacing,
  poll,
} from './transport.js';

/** Registers as a driver knows them (TCG PC Client Platform TPM Profile, section 6). */
const REGISTER = {
  access: 0x000,
  intEnable: 0x008,
  interfaceCapability: 0x014,
  status: 0x018,
  dataFifo: 0x024,
  didVid: 0xf00,
  rid: 0xf04,
} as const;

const ACCESS = { valid: 0x80, activeLocality: 0x20, requestUse: 0x02 } as const;
const STATUS = {
  valid: 0x80,
  commandReady: 0x40,
  go: 0x20,
  dataAvail: 0x10,
  expect: 0x08,
} as const;
const LOCALITY_STRIDE = 0x1000;

/** What a driver reads before it sends a command. */
export interface TisIdentity {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revisionId: number;
  /** The INTF_CAPABILITY register. */
  readonly interfaceCapability: number;
}

/** How a {@link TisDriver} works. */
export interface TisDriverOptions {
  /** Locality that it uses, 0 to 3; 0 unless told otherwise. */
  readonly locality?: 0 | 1 | 2 | 3;
  /** How it waits; polls unless told otherwise. */
  readonly pacing?: Pacing;
  /**
   * Widest access to the FIFO in bytes: 1, as Linux does, unless told otherwise. With 4, whole words
   * are moved while the burst count and the message have room for them.
   */
  readonly fifoWidth?: 1 | 4;
}

/**
 * A guest-side driver for the FIFO interface that talks through register accesses alone, in the
 * order in which Linux's driver does: all but the last byte, check that more is expected, the last
 * byte, check that nothing is, go, wait, read.
 */
export class TisDriver implements GuestTransport {
  readonly #mmio: MmioRegion;
  readonly #base: number;
  readonly #pacing: Pacing;
  readonly #fifoWidth: 1 | 4;

  /** @param mmio the device's registers */
  constructor(mmio: MmioRegion, options: TisDriverOptions = {}) {
    this.#mmio = mmio;
    this.#base = (options.locality ?? 0) * LOCALITY_STRIDE;
    this.#pacing = options.pacing ?? EVENT_LOOP_PACING;
    this.#fifoWidth = options.fifoWidth ?? 1;
  }

  /** Requests the locality and switches all interrupts off. */
  async requestLocality(): Promise<void> {
    const access = (): number => this.#read(REGISTER.access, 1);
    await poll(this.#pacing, 'a valid ACCESS register', () => (access() & ACCESS.valid) !== 0);
    this.#write(REGISTER.access, 1, ACCESS.requestUse);
    await poll(this.#pacing, 'the locality', () => (access() & ACCESS.activeLocality) !== 0);
    this.#write(REGISTER.intEnable, 4, 0);
  }

  /** Gives the locality back. */
  relinquishLocality(): void {
    this.#write(REGISTER.access, 1, ACCESS.activeLocality);
  }

  /** @returns what the identification registers say */
  identify(): TisIdentity {
    const didVid = this.#read(REGISTER.didVid, 4);
    return {
      vendorId: didVid & 0xffff,
      deviceId: didVid >>> 16,
      revisionId: this.#read(REGISTER.rid, 1),
      interfaceCapability: this.#read(REGISTER.interfaceCapability, 4),
    };
  }

  async transmit(command: Uint8Array): Promise<Uint8Array> {
    await this.#prepare();
    await this.#send(command);
    this.#write(REGISTER.status, 1, STATUS.go);
    await this.#waitFor(STATUS.valid | STATUS.dataAvail, 'the response');
    const response = await this.#receive();
    this.#write(REGISTER.status, 1, STATUS.commandReady);
    return response;
  }

  async #prepare(): Promise<void> {
    if ((this.#status() & STATUS.commandReady) !== 0) return;
    this.#write(REGISTER.status, 1, STATUS.commandReady);
    await this.#waitFor(STATUS.commandReady, 'commandReady');
  }

  async #send(command: Uint8Array): Promise<void> {
    const last = command.length - 1;
    for (let sent = 0; sent < last; ) {
      const burst = Math.min(this.#burst() || (await this.#burstCount()), last - sent);
      sent = this.#writeFifo(command, sent, sent + burst);
      await this.#waitFor(STATUS.valid, 'stsValid');
      if ((this.#status() & STATUS.expect) === 0) {
        throw new GuestDriverError(`The device expects no more after ${sent} of ${last + 1} bytes`);
      }
    }
    this.#write(REGISTER.dataFifo, 1, command[last] ?? 0);
    await this.#waitFor(STATUS.valid, 'stsValid');
    if ((this.#status() & STATUS.expect) !== 0) {
      throw new GuestDriverError(
        `The device expects more than the ${last + 1} bytes of the command`,
      );
    }
  }

  async #receive(): Promise<Uint8Array> {
    const header = await this.#receiveBytes(HEADER_SIZE);
    const size = readUint32(header, HEADER_OFFSET.size);
    if (size < HEADER_SIZE)
      throw new GuestDriverError(`The response claims a size of ${size} bytes`);
    const response = new Uint8Array(size);
    response.set(header);
    response.set(await this.#receiveBytes(size - HEADER_SIZE), HEADER_SIZE);
    if ((this.#status() & STATUS.dataAvail) !== 0) {
      throw new GuestDriverError(`The device holds more than the ${size} bytes of the response`);
    }
    return response;
  }

  async #receiveBytes(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let received = 0; received < length; ) {
      await this.#waitFor(STATUS.valid | STATUS.dataAvail, 'response bytes');
      const burst = Math.min(this.#burst() || (await this.#burstCount()), length - received);
      received = this.#readFifo(bytes, received, received + burst);
    }
    return bytes;
  }

  /** @returns `end` */
  #writeFifo(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    for (; this.#fifoWidth === 4 && at + 4 <= end; at += 4) {
      const word =
        bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      this.#write(REGISTER.dataFifo, 4, word >>> 0);
    }
    for (; at < end; at++) this.#write(REGISTER.dataFifo, 1, bytes[at]!);
    return end;
  }

  /** @returns `end` */
  #readFifo(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    for (; this.#fifoWidth === 4 && at + 4 <= end; at += 4) {
      const word = this.#read(REGISTER.dataFifo, 4);
      for (let lane = 0; lane < 4; lane++) bytes[at + lane] = word >>> (8 * lane);
    }
    for (; at < end; at++) bytes[at] = this.#read(REGISTER.dataFifo, 1);
    return end;
  }

  async #burstCount(): Promise<number> {
    await poll(this.#pacing, 'a burst count', () => this.#burst() !== 0);
    return this.#burst();
  }

  #burst(): number {
    return (this.#read(REGISTER.status, 4) >>> 8) & 0xffff;
  }

  /** @returns a promise only when there is something to wait for */
  #waitFor(mask: number, what: string): Promise<void> | undefined {
    const holds = (): boolean => (this.#status() & mask) === mask;
    return holds() ? undefined : poll(this.#pacing, what, holds);
  }

  #status(): number {
    return this.#read(REGISTER.status, 1);
  }

  #read(register: number, width: 1 | 4): number {
    return this.#mmio.read(this.#base + register, width);
  }

  #write(register: number, width: 1 | 4, value: number): void {
    this.#mmio.write(this.#base + register, width, value);
  }
}
