import type { TpmVersion } from 'tpm-core';
import type { Random } from './random.js';
import { COMMANDS, hexOf, RESET, SUFFIXES, type Traffic, type TrafficStep } from './traffic.js';

const LOCALITIES = 5;
const PAGE = 0x1000;
const PPI_OFFSET = 0x5000;

const OFFSET = {
  access: 0x00,
  interruptEnable: 0x08,
  interruptStatus: 0x10,
  status: 0x18,
} as const;
const FIFO_OFFSETS: readonly number[] = [0x24, 0x24, 0x24, 0x80, 0x9c, 0xbc];
const INTERESTING: readonly number[] = [
  0x00, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c, 0x24, 0x28, 0x30, 0x7c, 0x80, 0xbc, 0xc0, 0xf00, 0xf04,
  0xf90, 0xffc,
];
const ACCESS_VALUES: readonly number[] = [0x02, 0x02, 0x20, 0x08, 0x10, 0x22, 0x2a, 0x0a, 0x28];
const STATUS_VALUES: readonly number[] = [0x40, 0x40, 0x20, 0x02, 0x60, 0x42, 0x22, 0x62, 0x00];
const GO = 0x20;

/**
 * Generates sessions of a guest at a TIS device: mostly what a driver does, with every kind of
 * mistake in between.
 */
export class TisTraffic implements Traffic {
  readonly #random: Random;
  readonly #base: number;
  readonly #version: TpmVersion;
  readonly #hasPpi: boolean;
  #steps: TrafficStep[] = [];

  constructor(random: Random, base: number, version: TpmVersion, hasPpi: boolean) {
    this.#random = random;
    this.#base = base;
    this.#version = version;
    this.#hasPpi = hasPpi;
  }

  episode(): TrafficStep[] {
    this.#steps = [];
    const kind = this.#random.below(20);
    if (kind < 9) this.#command();
    else if (kind < 12) this.#arbitration();
    else if (kind < 14) this.#interrupts();
    else if (kind < 18) this.#noise(4 + this.#random.below(30));
    else if (kind === 18) this.#bulk();
    else if (this.#random.once(3)) this.#steps.push(RESET);
    return this.#steps;
  }

  execution(): TrafficStep[] {
    this.#steps = [];
    const locality = this.#random.below(LOCALITIES - 1);
    this.#releaseAll();
    this.#write(locality, OFFSET.access, 0x02);
    if (this.#random.once(2)) this.#write32(locality, OFFSET.interruptEnable, this.#enableMask());
    this.#write(locality, OFFSET.status, 0x40);
    this.#write(locality, OFFSET.status, 0x40);
    this.#send(locality, this.#random.pick(COMMANDS[this.#version]));
    this.#write(locality, OFFSET.status, GO);
    for (let acts = this.#random.below(4); acts > 0; acts--) {
      const kind = this.#random.below(4);
      if (kind === 0) this.#command();
      else if (kind === 1) this.#noise(this.#random.below(12));
      else if (kind === 2) this.#arbitration();
      else this.#write(locality, OFFSET.status, this.#random.pick(STATUS_VALUES));
    }
    if (this.#random.once(5)) this.#steps.push(RESET);
    return this.#steps;
  }

  #locality(): number {
    return this.#random.once(3) ? this.#random.below(LOCALITIES) : this.#random.below(2);
  }

  /** A whole command as a driver sends it, at times with something else in the middle. */
  #command(): void {
    const locality = this.#locality();
    if (!this.#random.once(5)) this.#releaseAll();
    this.#write(locality, OFFSET.access, this.#random.once(4) ? 0x08 : 0x02);
    this.#read(locality, OFFSET.access);
    if (this.#random.once(3)) this.#write32(locality, OFFSET.interruptEnable, this.#enableMask());
    this.#write(locality, OFFSET.status, 0x40);
    if (this.#random.once(2)) this.#write(locality, OFFSET.status, 0x40);
    this.#read(locality, OFFSET.status);
    this.#send(locality, this.#random.pick(COMMANDS[this.#version]));
    this.#read(locality, OFFSET.status);
    if (this.#random.once(8)) this.#noise(3);
    this.#write(locality, OFFSET.status, GO);
    this.#read(locality, OFFSET.status);
    const limit = this.#random.once(4) ? this.#random.below(6) : 12 + this.#random.below(60);
    for (let done = 0; done < limit; ) done += this.#readFifo(locality);
    if (this.#random.once(5)) this.#write(locality, OFFSET.status, 0x02);
    this.#readFifo(locality);
    this.#read(locality, OFFSET.status);
    if (this.#random.once(2)) this.#write(locality, OFFSET.status, 0x40);
    if (this.#random.once(2)) this.#write(locality, OFFSET.interruptStatus, 0xff);
    if (this.#random.once(2)) this.#write(locality, OFFSET.access, 0x20);
  }

  /** Leaves the TPM without owner: whoever a release hands it over to releases it in turn. */
  #releaseAll(): void {
    for (let locality = 0; locality < LOCALITIES; locality++) {
      this.#write(locality, OFFSET.access, 0x20);
    }
  }

  #send(locality: number, hex: string): void {
    const cut = this.#random.once(6) ? this.#random.below(hex.length / 2) : hex.length / 2;
    for (let at = 0; at < cut; ) {
      const [suffix, width] = this.#random.once(3) ? this.#random.pick(SUFFIXES) : SUFFIXES[0]!;
      const bytes = Buffer.from(hex.slice(2 * at, 2 * (at + width)).padEnd(2 * width, '0'), 'hex');
      const skew = this.#random.once(6) ? this.#random.below(4) : 0;
      const address = this.#fifo(locality) + skew;
      this.#push(`write${suffix} ${hexOf(address)} 0x${bytes.reverse().toString('hex')}`);
      at += width;
      if (this.#random.once(10)) this.#read(locality, OFFSET.status);
    }
  }

  #arbitration(): void {
    const count = 3 + this.#random.below(12);
    for (let index = 0; index < count; index++) {
      const locality = this.#random.below(LOCALITIES);
      const value = this.#random.once(4)
        ? this.#random.below(256)
        : this.#random.pick(ACCESS_VALUES);
      this.#write(locality, OFFSET.access, value);
      for (let other = 0; other < LOCALITIES; other++) this.#read(other, OFFSET.access);
    }
  }

  #interrupts(): void {
    const locality = this.#locality();
    if (this.#random.once(2)) this.#releaseAll();
    this.#write(locality, OFFSET.access, this.#random.pick([0x02, 0x08]));
    this.#write32(locality, OFFSET.interruptEnable, this.#enableMask());
    this.#read(locality, OFFSET.interruptEnable);
    for (let index = 0; index < 4; index++) {
      this.#write(locality, OFFSET.status, this.#random.pick(STATUS_VALUES));
      this.#read(locality, OFFSET.interruptStatus);
      this.#write(locality, OFFSET.interruptStatus, this.#random.pick([0xff, 1, 2, 4, 0x80, 0]));
      this.#read(locality, OFFSET.interruptStatus);
    }
  }

  #noise(count: number): void {
    for (let index = 0; index < count; index++) {
      const [suffix, width] = this.#random.pick(SUFFIXES);
      const near = this.#random.once(4) ? this.#random.below(8) - 4 : 0;
      const offset = this.#random.below(LOCALITIES) * PAGE + this.#random.pick(INTERESTING) + near;
      const address = this.#base + Math.max(0, offset);
      if (this.#random.once(2)) this.#push(`read${suffix} ${hexOf(address)}`);
      else {
        const value = this.#noiseValue(width);
        const mayStart = this.#startsCommand(address, value);
        this.#push(`write${suffix} ${hexOf(address)} 0x${value.toString('hex')}`, mayStart);
      }
    }
  }

  /** @returns the bytes of a value, most significant first */
  #noiseValue(width: number): Buffer {
    const value = Buffer.alloc(width);
    if (this.#random.once(3)) {
      for (let index = 0; index < width; index++) value[index] = this.#random.below(256);
    } else {
      value[width - 1] = this.#random.pick([...ACCESS_VALUES, ...STATUS_VALUES]);
      if (width >= 4 && this.#random.once(3)) value[width - 4] = this.#random.pick([0x80, 1, 2, 3]);
    }
    return value;
  }

  #startsCommand(address: number, value: Buffer): boolean {
    for (let index = 0; index < value.length; index++) {
      const offset = (address - this.#base + index) % PAGE;
      if (offset === OFFSET.status && (value[value.length - 1 - index]! & GO) !== 0) return true;
    }
    return false;
  }

  #bulk(): void {
    const address = this.#base + this.#random.below(LOCALITIES) * PAGE + this.#random.below(0x24);
    this.#push(`read ${hexOf(address)} ${1 + this.#random.below(0x100)}`);
    this.#push(`b64read ${hexOf(address)} ${1 + this.#random.below(0x40)}`);
    const fifo = this.#fifo(this.#locality());
    this.#push(`write ${hexOf(fifo)} 5 0x80010000aa`);
    this.#push(`memset ${hexOf(fifo)} ${this.#random.below(9)} 0x11`);
    if (!this.#hasPpi) return;
    const ppi = this.#base + PPI_OFFSET + this.#random.below(0x150);
    this.#push(`writeq ${hexOf(ppi)} 0x1122334455667788`);
    this.#push(`read ${hexOf(ppi - 2)} 16`);
    this.#push(`read ${hexOf(this.#base + PPI_OFFSET - 3)} 7`);
    this.#push(`read ${hexOf(this.#base + PPI_OFFSET + 0x3fd)} 7`);
  }

  #enableMask(): number {
    return this.#random.once(3)
      ? (this.#random.below(0x1_0000) * 0x1_0000 + this.#random.below(0x1_0000)) >>> 0
      : 0x8000_0087;
  }

  #fifo(locality: number): number {
    return this.#base + locality * PAGE + this.#random.pick(FIFO_OFFSETS);
  }

  #readFifo(locality: number): number {
    const [suffix, width] = this.#random.once(3) ? this.#random.pick(SUFFIXES) : SUFFIXES[0]!;
    const skew = this.#random.once(8) ? this.#random.below(4) : 0;
    this.#push(`read${suffix} ${hexOf(this.#fifo(locality) + skew)}`);
    return width;
  }

  #read(locality: number, offset: number): void {
    const [suffix] = this.#random.once(4) ? this.#random.pick(SUFFIXES) : SUFFIXES[2]!;
    this.#push(`read${suffix} ${hexOf(this.#base + locality * PAGE + offset)}`);
  }

  #write(locality: number, offset: number, value: number): void {
    const [suffix] = this.#random.once(4) ? this.#random.pick(SUFFIXES) : SUFFIXES[0]!;
    const mayStart = offset === OFFSET.status && (value & GO) !== 0;
    const address = this.#base + locality * PAGE + offset;
    this.#push(`write${suffix} ${hexOf(address)} ${hexOf(value)}`, mayStart);
  }

  #write32(locality: number, offset: number, value: number): void {
    this.#push(`writel ${hexOf(this.#base + locality * PAGE + offset)} ${hexOf(value)}`);
  }

  #push(line: string, mayStart = false): void {
    this.#steps.push({ line, mayStart });
  }
}
