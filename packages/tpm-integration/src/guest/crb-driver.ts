import {
  HEADER_OFFSET,
  HEADER_SIZE,
  type MmioRegion,
  readUint32,
  readUnaligned,
  writeUnaligned,
} from 'tpm-core';
import {
  EVENT_LOOP_PACING,
  GuestDriverError,
  type GuestTransport,
  type Pacing,
  poll,
} from './transport.js';

/** Registers as a driver knows them (TCG PC Client Platform TPM Profile, section 6.5.3). */
const REGISTER = {
  locState: 0x00,
  locControl: 0x08,
  interfaceIdLow: 0x30,
  interfaceIdHigh: 0x34,
  request: 0x40,
  status: 0x44,
  cancel: 0x48,
  start: 0x4c,
  commandSize: 0x58,
  commandAddress: 0x5c,
  responseSize: 0x64,
  responseAddress: 0x68,
} as const;

const LOC_STATE = { valid: 0x80, assigned: 0x02 } as const;
const LOC_CONTROL = { requestAccess: 0x01, relinquish: 0x02 } as const;
const REQUEST = { commandReady: 0x01, goIdle: 0x02 } as const;
const STATUS = { idle: 0x02, error: 0x01 } as const;
const START = { invoke: 0x01, nextChunk: 0x04 } as const;
const INTERFACE_ID = { chunking: 0x400 } as const;

/** Longest response that a driver makes room for, in bytes; a size field is not to be trusted. */
const MOST_BYTES = 0x1_0000;

/** What a driver reads before it sends a command. */
export interface CrbIdentity {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revisionId: number;
  /** The low half of the INTF_ID register. */
  readonly interfaceId: number;
}

/** How a {@link CrbDriver} works. */
export interface CrbDriverOptions {
  /** How it waits; polls unless told otherwise. */
  readonly pacing?: Pacing;
}

/** A buffer in the device, as the control area describes it. */
interface Window {
  /** Byte offset in the device's region, a multiple of 4. */
  readonly offset: number;
  /** Length in bytes. */
  readonly size: number;
}

/**
 * A guest-side driver for the command response buffer that talks through register accesses alone,
 * in the order in which Linux's driver does: ready, write the command, start, wait, look at the
 * status, read the header, read the rest, idle. Messages that don't fit the buffer are passed in
 * pieces where the device can do that (CapCRBChunk).
 */
export class CrbDriver implements GuestTransport {
  readonly #mmio: MmioRegion;
  readonly #pacing: Pacing;

  /** @param mmio the device's region, registers and data buffer */
  constructor(mmio: MmioRegion, options: CrbDriverOptions = {}) {
    this.#mmio = mmio;
    this.#pacing = options.pacing ?? EVENT_LOOP_PACING;
  }

  /** Requests locality 0. */
  async requestLocality(): Promise<void> {
    const granted = LOC_STATE.assigned | LOC_STATE.valid;
    this.#write(REGISTER.locControl, LOC_CONTROL.requestAccess);
    await this.#waitFor(REGISTER.locState, granted, granted, 'the locality');
  }

  /** Gives the locality back. */
  relinquishLocality(): void {
    this.#write(REGISTER.locControl, LOC_CONTROL.relinquish);
  }

  /** @returns what the identification registers say */
  identify(): CrbIdentity {
    const low = this.#read(REGISTER.interfaceIdLow);
    const high = this.#read(REGISTER.interfaceIdHigh);
    return {
      vendorId: high & 0xffff,
      deviceId: high >>> 16,
      revisionId: low >>> 24,
      interfaceId: low,
    };
  }

  async transmit(command: Uint8Array): Promise<Uint8Array> {
    this.#write(REGISTER.request, REQUEST.commandReady);
    await this.#waitFor(REGISTER.request, REQUEST.commandReady, 0, 'commandReady');
    await this.#waitFor(REGISTER.status, STATUS.idle, 0, 'the end of Idle');
    try {
      await this.#send(command);
      await this.#waitFor(REGISTER.start, START.invoke, 0, 'the response');
      return await this.#receive();
    } finally {
      this.#write(REGISTER.request, REQUEST.goIdle);
      await this.#waitFor(REGISTER.request, REQUEST.goIdle, 0, 'goIdle');
    }
  }

  get #chunking(): boolean {
    return (this.#read(REGISTER.interfaceIdLow) & INTERFACE_ID.chunking) !== 0;
  }

  async #send(command: Uint8Array): Promise<void> {
    const { offset, size } = this.#window(REGISTER.commandAddress, REGISTER.commandSize);
    if (command.length > size && !this.#chunking) {
      throw new GuestDriverError(
        `The command has ${command.length} bytes; the device takes ${size} at most`,
      );
    }
    // A request to cancel that is left from before must not hit this command.
    this.#write(REGISTER.cancel, 0);
    let sent = 0;
    for (; command.length - sent > size; sent += size) {
      writeUnaligned(this.#mmio, offset, command.subarray(sent, sent + size));
      await this.#nextChunk();
    }
    writeUnaligned(this.#mmio, offset, command.subarray(sent));
    this.#write(REGISTER.start, START.invoke);
  }

  async #receive(): Promise<Uint8Array> {
    if ((this.#read(REGISTER.status) & STATUS.error) !== 0) {
      throw new GuestDriverError('The device reports a fatal error (tpmSts)');
    }
    const { offset, size } = this.#window(REGISTER.responseAddress, REGISTER.responseSize);
    const header = new Uint8Array(HEADER_SIZE);
    readUnaligned(this.#mmio, offset, header);
    const length = readUint32(header, HEADER_OFFSET.size);
    const limit = this.#chunking ? MOST_BYTES : size;
    if (length < HEADER_SIZE || length > limit) {
      throw new GuestDriverError(`The response claims a size of ${length} bytes`);
    }
    const response = new Uint8Array(length);
    response.set(header);
    readUnaligned(this.#mmio, offset + HEADER_SIZE, response.subarray(HEADER_SIZE, size));
    for (let received = size; received < length; received += size) {
      await this.#nextChunk();
      readUnaligned(this.#mmio, offset, response.subarray(received, received + size));
    }
    return response;
  }

  async #nextChunk(): Promise<void> {
    this.#write(REGISTER.start, START.nextChunk);
    await this.#waitFor(REGISTER.start, START.nextChunk, 0, 'the next chunk');
  }

  /** Only the place within the region counts: the registers and the buffers share it. */
  #window(address: number, size: number): Window {
    const window = {
      offset: this.#read(address) % this.#mmio.size,
      size: this.#read(size),
    };
    if (window.size < HEADER_SIZE || window.offset + window.size > this.#mmio.size) {
      throw new GuestDriverError(
        `The device gives ${window.size} bytes at offset ${window.offset} of its region as buffer`,
      );
    }
    return window;
  }

  /** @returns a promise only when there is something to wait for */
  #waitFor(register: number, mask: number, value: number, what: string): Promise<void> | undefined {
    const holds = (): boolean => (this.#read(register) & mask) === value;
    return holds() ? undefined : poll(this.#pacing, what, holds);
  }

  #read(register: number): number {
    return this.#mmio.read(register, 4);
  }

  #write(register: number, value: number): void {
    this.#mmio.write(register, 4, value);
  }
}
