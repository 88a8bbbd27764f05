import type { TpmVersion } from 'tpm-core';
import type { Random } from './random.js';
import { COMMANDS, hexOf, RESET, SUFFIXES, type Traffic, type TrafficStep } from './traffic.js';

const REGISTER = {
  locState: 0x00,
  locControl: 0x08,
  locStatus: 0x0c,
  request: 0x40,
  status: 0x44,
  cancel: 0x48,
  start: 0x4c,
} as const;
const DATA = { offset: 0x80, size: 0xf80, lengthField: 0x82 } as const;
const PPI = { offset: 0x5000, size: 0x400, memoryOverwrite: 0x15a } as const;

/** Where nothing is mapped: between the page of the device and PPI memory. */
const GAP: readonly number[] = [0x1000, 0x1008, 0x1044, 0x2000, 0x3080, 0x4ffc];
const INTERESTING: readonly number[] = [
  0x00, 0x04, 0x08, 0x0c, 0x10, 0x2c, 0x30, 0x34, 0x38, 0x40, 0x44, 0x48, 0x4c, 0x50, 0x54, 0x58,
  0x5c, 0x60, 0x64, 0x68, 0x6c, 0x70, 0x7c, 0x80, 0x84, 0x8c, 0x7fc, 0xff8, 0xffc,
];
/** Registers in which a write can do something. */
const ACTIVE: readonly number[] = [
  REGISTER.locControl,
  REGISTER.request,
  REGISTER.cancel,
  REGISTER.start,
];
const STATE: readonly number[] = [
  REGISTER.locState,
  REGISTER.locStatus,
  REGISTER.status,
  REGISTER.start,
];
const VALUES: readonly number[] = [1, 1, 1, 2, 2, 0, 3, 4, 8, 0x101, 0x8000_0001, 0xffff_ffff];

/**
 * Generates sessions of a guest at a CRB device: mostly what a driver does, with every kind of
 * mistake in between.
 */
export class CrbTraffic implements Traffic {
  readonly #random: Random;
  readonly #base: number;
  readonly #version: TpmVersion;
  #steps: TrafficStep[] = [];

  constructor(random: Random, base: number, version: TpmVersion) {
    this.#random = random;
    this.#base = base;
    this.#version = version;
  }

  episode(): TrafficStep[] {
    this.#steps = [];
    const kind = this.#random.below(20);
    if (kind < 8) this.#command();
    else if (kind < 11) this.#registers(3 + this.#random.below(10));
    else if (kind < 17) this.#noise(4 + this.#random.below(30));
    else if (kind < 19) this.#bulk();
    else if (this.#random.once(3)) this.#reset();
    return this.#steps;
  }

  execution(): TrafficStep[] {
    this.#steps = [];
    this.#write(REGISTER.locControl, 1);
    this.#send(this.#random.pick(COMMANDS[this.#version]));
    this.#write(REGISTER.start, 1);
    for (let acts = this.#random.below(4); acts > 0; acts--) {
      const kind = this.#random.below(4);
      if (kind === 0) this.#command();
      else if (kind === 1) this.#noise(this.#random.below(12));
      else if (kind === 2) this.#registers(4);
      else this.#bulk();
    }
    if (this.#random.once(5)) this.#reset();
    return this.#steps;
  }

  /** A whole command as a driver sends it, at times with something left out. */
  #command(): void {
    if (!this.#random.once(5)) this.#write(REGISTER.locControl, 1);
    this.#read(REGISTER.locState);
    if (!this.#random.once(4)) this.#write(REGISTER.request, 1);
    this.#read(REGISTER.status);
    this.#send(this.#random.pick(COMMANDS[this.#version]));
    if (this.#random.once(8)) this.#lengthField();
    if (this.#random.once(8)) this.#noise(3);
    this.#write(REGISTER.start, this.#random.once(6) ? this.#random.pick(VALUES) : 1);
    for (const register of STATE) this.#read(register);
    if (this.#random.once(4)) this.#write(REGISTER.cancel, 1);
    const length = 10 + this.#random.below(90);
    if (this.#random.once(2)) this.#push(`read ${this.#hex(DATA.offset)} ${length}`);
    else {
      for (let at = 0; at < length; ) {
        const [suffix, width] = this.#random.pick(SUFFIXES);
        this.#push(`read${suffix} ${this.#hex(DATA.offset + at)}`);
        at += width;
      }
    }
    if (this.#random.once(2)) this.#write(REGISTER.request, 2);
    if (this.#random.once(2)) this.#write(REGISTER.locControl, 2);
    this.#read(REGISTER.status);
  }

  #send(hex: string): void {
    const end = this.#random.once(6) ? this.#random.below(hex.length / 2) : hex.length / 2;
    if (this.#random.once(3)) {
      if (end > 0) this.#push(`write ${this.#hex(DATA.offset)} ${end} 0x${hex.slice(0, 2 * end)}`);
      return;
    }
    for (let at = 0; at < end; ) {
      const [suffix, width] = this.#random.pick(SUFFIXES);
      const bytes = Buffer.from(hex.slice(2 * at, 2 * (at + width)).padEnd(2 * width, '0'), 'hex');
      const value = bytes.reverse().toString('hex');
      this.#push(`write${suffix} ${this.#hex(DATA.offset + at)} 0x${value}`);
      at += width;
    }
  }

  /** Another length than the command has: around a header, the buffer's end, and beyond. */
  #lengthField(): void {
    const length = this.#random.pick([0, 9, 10, 11, 0x40, 0xf7f, 0xf80, 0xf81, 0xffff_ffff]);
    const bytes = length.toString(16).padStart(8, '0');
    this.#push(`write ${this.#hex(DATA.lengthField)} 4 0x${bytes}`);
  }

  #registers(count: number): void {
    for (let index = 0; index < count; index++) {
      this.#write(this.#random.pick(ACTIVE), this.#random.pick(VALUES));
      for (const register of STATE) this.#read(register);
    }
  }

  #noise(count: number): void {
    for (let index = 0; index < count; index++) {
      const [suffix, width] = this.#random.pick(SUFFIXES);
      const near = this.#random.once(3) ? this.#random.below(8) - 4 : 0;
      const place = this.#random.once(10) ? GAP : this.#random.once(2) ? ACTIVE : INTERESTING;
      const offset = Math.max(0, this.#random.pick(place) + near);
      if (this.#random.once(2)) this.#push(`read${suffix} ${this.#hex(offset)}`);
      else {
        const line = `write${suffix} ${this.#hex(offset)} 0x${this.#noiseValue(width)}`;
        this.#push(line, touchesStart(offset, width));
      }
    }
  }

  /** @returns the digits of a value */
  #noiseValue(width: number): string {
    const value = Buffer.alloc(width);
    if (this.#random.once(3)) {
      for (let index = 0; index < width; index++) value[index] = this.#random.below(256);
    } else {
      value[width - 1] = this.#random.pick(VALUES) & 0xff;
      // The registers that do something are in pairs: a wide write reaches the second one too.
      if (width === 8 && this.#random.once(2)) value[3] = this.#random.pick([1, 2, 0]);
      if (width >= 2 && this.#random.once(5)) value[width - 2] = 1;
    }
    return value.toString('hex');
  }

  #bulk(): void {
    const from = this.#random.below(0x90);
    this.#push(`read ${this.#hex(from)} ${1 + this.#random.below(0x100)}`);
    this.#push(`b64read ${this.#hex(from)} ${1 + this.#random.below(0x40)}`);
    const length = 1 + this.#random.below(16);
    const start = 0x70 + this.#random.below(0x20);
    const pattern = hexBytes(length, () => this.#random.below(256));
    this.#push(`write ${this.#hex(start)} ${length} 0x${pattern}`);
    const end = DATA.offset + DATA.size;
    this.#push(`memset ${this.#hex(end - 5)} ${this.#random.below(12)} 0x5a`);
    this.#push(`read ${this.#hex(end - 16)} 32`);
    const inside = DATA.offset + this.#random.below(DATA.size - 16);
    this.#push(`memset ${this.#hex(inside)} ${this.#random.below(16)} 0xa5`);
    this.#push(`read ${this.#hex(DATA.offset)} ${DATA.size}`);
    const low = 0x40 + 4 * this.#random.below(4);
    const touched = touchesStart(low, length);
    const ones = '01000000'.repeat(4).slice(0, 2 * length);
    this.#push(`write ${this.#hex(low)} ${length} 0x${ones}`, touched);
    const ppi = PPI.offset + this.#random.below(PPI.memoryOverwrite - 8);
    this.#push(`writeq ${this.#hex(ppi)} 0x1122334455667788`);
    this.#push(`read ${this.#hex(ppi - 2)} 16`);
    this.#push(`read ${this.#hex(PPI.offset + PPI.size - 3)} 7`);
  }

  /** A machine reset, at times one that clears the memory and with it the data buffer. */
  #reset(): void {
    const request = this.#random.pick([0, 0, 1, 0x10, 0x11]);
    this.#push(`writeb ${this.#hex(PPI.offset + PPI.memoryOverwrite)} ${hexOf(request)}`);
    this.#push(`writel ${hexOf(RAM_WITNESS)} 0x12345678`);
    this.#steps.push(RESET);
    this.#push(`readl ${hexOf(RAM_WITNESS)}`);
    this.#push(`read ${this.#hex(0)} 4096`);
    this.#push(`read ${this.#hex(PPI.offset)} ${PPI.size}`);
  }

  #read(offset: number): void {
    const [suffix] = this.#random.once(4) ? this.#random.pick(SUFFIXES) : SUFFIXES[2]!;
    this.#push(`read${suffix} ${this.#hex(offset)}`);
  }

  #write(offset: number, value: number): void {
    const [suffix, width] = this.#random.once(3) ? this.#random.pick(SUFFIXES) : SUFFIXES[2]!;
    this.#push(`write${suffix} ${this.#hex(offset)} ${hexOf(value)}`, touchesStart(offset, width));
  }

  #hex(offset: number): string {
    return hexOf(this.#base + offset);
  }

  #push(line: string, mayStart = false): void {
    this.#steps.push({ line, mayStart });
  }
}

/** A place in guest memory that shows whether it was cleared. */
const RAM_WITNESS = 0x10_0000;

function touchesStart(offset: number, width: number): boolean {
  return offset < REGISTER.start + 4 && offset + width > REGISTER.start;
}

function hexBytes(length: number, byte: () => number): string {
  return Array.from({ length }, () => byte().toString(16).padStart(2, '0')).join('');
}
