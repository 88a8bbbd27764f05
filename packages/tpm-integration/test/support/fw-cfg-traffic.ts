import { FW_CFG_KEY, FW_CFG_VIRT_BASE_ADDRESS } from 'tpm-fwcfg-ppi';
import type { ListedFile } from './fw-cfg-client.js';
import type { Random } from './random.js';
import { hexOf, RESET, SUFFIXES, type TrafficStep } from './traffic.js';

/** Files whose contents differ: they describe the whole machine. */
const OTHER_CONTENTS = ['etc/acpi/rsdp', 'etc/acpi/tables', 'etc/table-loader'];

/** A file that does more than store what is written, or whose contents change. */
const ACTIVE = ['etc/smi/features-ok', 'etc/smbios/smbios-tables', 'etc/smbios/smbios-anchor'];

/** Keys without an item, and with the bit that doesn't count. */
const OTHER_KEYS = [
  FW_CFG_KEY.signature,
  FW_CFG_KEY.features,
  FW_CFG_KEY.writeIntent,
  FW_CFG_KEY.writeIntent | FW_CFG_KEY.features,
  0x01f0,
  0x3fff,
  0x7fff,
];

const SCRATCH = { descriptor: 0x000, buffer: 0x1000, size: 0x100 } as const;
/** Nothing answers there, on any machine. */
const NOWHERE = 0x0100_0000_0000;

const LENGTHS = [0, 1, 2, 4, 6, 7, 16, 64, 255, 256];
const CONTROL_BITS = 0x1f;

/** Random sessions of firmware at fw_cfg: accesses of all kinds to its registers, and DMA. */
export class FwCfgTraffic {
  /** Number of DMA transfers so far. */
  transfers = 0;
  readonly #random: Random;
  readonly #isArm: boolean;
  readonly #keys: readonly number[];
  readonly #scratch: number;

  constructor(random: Random, isArm: boolean, directory: ReadonlyMap<string, ListedFile>) {
    this.#random = random;
    this.#isArm = isArm;
    this.#scratch = isArm ? 0x4010_0000 : 0x10_0000;
    const files = [...directory]
      .filter(([name]) => !OTHER_CONTENTS.includes(name) && !ACTIVE.includes(name))
      .map(([, { key }]) => key);
    // The size of the script, and so a byte of the directory, depends on the machine's tables.
    const whole = isArm
      ? []
      : [FW_CFG_KEY.directory, FW_CFG_KEY.directory | FW_CFG_KEY.writeIntent];
    this.#keys = [
      ...files,
      ...files.map((key) => key | FW_CFG_KEY.writeIntent),
      ...OTHER_KEYS,
      ...whole,
    ];
  }

  /** @returns the steps of one episode, about 5 to 60 */
  episode(): TrafficStep[] {
    const random = this.#random;
    if (random.once(100)) return [RESET];
    const lines = [this.#select()];
    for (let left = random.below(8) + 1; left > 0; left--) {
      const kind = random.below(10);
      if (kind < 4) for (let reads = random.below(8); reads >= 0; reads--) lines.push(this.#read());
      else if (kind < 6) lines.push(this.#anywhere());
      else if (kind < 7) lines.push(this.#select());
      else lines.push(...this.#transfer());
    }
    return lines.map((line) => ({ line, mayStart: false }));
  }

  #key(): number {
    return this.#random.pick(this.#keys);
  }

  #select(): string {
    const key = this.#key();
    if (!this.#isArm) return `outw 0x510 ${hexOf(key)}`;
    const swapped = ((key & 0xff) << 8) | (key >>> 8);
    return `writew ${hexOf(FW_CFG_VIRT_BASE_ADDRESS + 8)} ${hexOf(swapped)}`;
  }

  #read(): string {
    const random = this.#random;
    if (!this.#isArm) return random.once(5) ? 'inb 0x510' : 'inb 0x511';
    const [suffix] = random.pick(SUFFIXES);
    return `read${suffix} ${hexOf(FW_CFG_VIRT_BASE_ADDRESS)}`;
  }

  /** Any access at any place in the registers or beside them; none that starts a transfer. */
  #anywhere(): string {
    const random = this.#random;
    const widths = this.#isArm ? SUFFIXES : SUFFIXES.slice(0, 3);
    const [suffix, width] = random.pick(widths);
    const first = this.#isArm ? FW_CFG_VIRT_BASE_ADDRESS : 0x50c;
    const at = first + random.below(this.#isArm ? 0x1c : 0x14);
    const [input, output] = this.#isArm ? ['read', 'write'] : ['in', 'out'];
    const low = this.#isArm ? FW_CFG_VIRT_BASE_ADDRESS + 0x14 : 0x518;
    const isStart = at < low + 4 && at + width > low && width >= 4;
    const isSelect = this.#isArm
      ? at < FW_CFG_VIRT_BASE_ADDRESS + 10 && at + width > FW_CFG_VIRT_BASE_ADDRESS + 8
      : at < 0x512 && at + width > 0x510;
    // A random key would select an item that only QEMU has; a random address may be a device's.
    if (random.once(2) || isStart || isSelect) return `${input}${suffix} ${hexOf(at)}`;
    // The high half of a DMA address stays as it is until the next transfer: zero.
    return `${output}${suffix} ${hexOf(at)} 0`;
  }

  /** A descriptor, its start, and what became of it. */
  #transfer(): string[] {
    this.transfers++;
    const random = this.#random;
    const descriptor = this.#scratch + SCRATCH.descriptor + 16 * random.below(8);
    const inMemory = this.#scratch + SCRATCH.buffer + random.below(SCRATCH.size);
    const buffer = random.once(8) ? NOWHERE : inMemory;
    const bytes = new DataView(new ArrayBuffer(16));
    bytes.setUint16(0, this.#key());
    bytes.setUint16(2, random.below(CONTROL_BITS + 1));
    bytes.setUint32(4, random.pick(LENGTHS));
    bytes.setBigUint64(8, BigInt(buffer));
    const text = Buffer.from(bytes.buffer).toString('hex');
    return [
      `write ${hexOf(descriptor)} 16 0x${text}`,
      ...this.#start(descriptor),
      `read ${hexOf(descriptor)} 16`,
      `read ${hexOf(this.#scratch + SCRATCH.buffer)} ${hexOf(2 * SCRATCH.size)}`,
    ];
  }

  #start(descriptor: number): string[] {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(descriptor));
    const [high, low] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4)];
    if (!this.#isArm) {
      const start = `outl 0x518 ${hexOf(low)}`;
      return this.#random.once(2) ? [start] : [`outl 0x514 ${hexOf(high)}`, start];
    }
    const register = FW_CFG_VIRT_BASE_ADDRESS + 0x10;
    if (this.#random.once(2)) {
      return [`writeq ${hexOf(register)} 0x${bytes.readBigUInt64LE(0).toString(16)}`];
    }
    return [
      `writel ${hexOf(register)} ${hexOf(high)}`,
      `writel ${hexOf(register + 4)} ${hexOf(low)}`,
    ];
  }
}
