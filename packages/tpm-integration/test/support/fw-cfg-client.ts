import { FW_CFG_KEY, FW_CFG_VIRT_BASE_ADDRESS } from 'tpm-fwcfg-ppi';
import type { HeadlessMachine } from '../../src/machine/machine.js';
import type { QtestClient } from './qtest-client.js';

/** What firmware needs of its machine. */
export interface FirmwareBusAccess {
  readMemory(address: number, length: number): Promise<Uint8Array>;
  writeMemory(address: number, bytes: Uint8Array): Promise<void>;
  /** Writes 4 bytes to a port or, on Arm, to an address. */
  writeRegister(where: number, value: number): Promise<void>;
}

/** @returns access to a machine in this process */
export function busOf(machine: HeadlessMachine): FirmwareBusAccess {
  const isArm = machine.description.family === 'virt';
  return {
    async readMemory(address, length) {
      const bytes = new Uint8Array(length);
      machine.memory.busRead(address, bytes);
      return bytes;
    },
    writeMemory: async (address, bytes) => machine.memory.busWrite(address, bytes),
    async writeRegister(where, value) {
      if (!isArm) machine.ports.write(where, 4, value);
      else machine.memory.busWrite(where, numberBytes(value));
    },
  };
}

/** @returns access to a machine behind a qtest connection */
export function busOver(client: QtestClient, isArm: boolean): FirmwareBusAccess {
  const hex = (value: number) => `0x${value.toString(16)}`;
  const done = async (line: string) => {
    const { answer } = await client.command(line);
    if (!answer.startsWith('OK')) throw new Error(`"${line.slice(0, 80)}" gave "${answer}"`);
    return answer;
  };
  return {
    async readMemory(address, length) {
      const answer = await done(`read ${hex(address)} ${hex(length)}`);
      return new Uint8Array(Buffer.from(answer.slice('OK 0x'.length), 'hex'));
    },
    async writeMemory(address, bytes) {
      const data = Buffer.from(bytes).toString('hex');
      await done(`write ${hex(address)} ${hex(bytes.length)} 0x${data}`);
    },
    async writeRegister(where, value) {
      await done(`${isArm ? 'writel' : 'outl'} ${hex(where)} ${hex(value)}`);
    },
  };
}

/** @returns 4 bytes, little endian */
function numberBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** A file as the directory lists it. */
export interface ListedFile {
  readonly key: number;
  readonly size: number;
}

/** Where the low half of the DMA address goes, and scratch memory. */
const PLACES = {
  x86: { register: 0x518, scratch: 0x10_0000 },
  arm: { register: FW_CFG_VIRT_BASE_ADDRESS + 0x14, scratch: 0x4010_0000 },
} as const;

/** Select and read. */
const CONTROL = 0x0a;

/** Reads fw_cfg by DMA, as firmware does. */
export class FwCfgClient {
  readonly #bus: FirmwareBusAccess;
  readonly #places: (typeof PLACES)['x86' | 'arm'];

  constructor(bus: FirmwareBusAccess, isArm: boolean) {
    this.#bus = bus;
    this.#places = isArm ? PLACES.arm : PLACES.x86;
  }

  /** @returns `length` bytes of an item */
  async read(key: number, length: number): Promise<Uint8Array> {
    const { register, scratch } = this.#places;
    const buffer = scratch + 0x1000;
    const descriptor = new DataView(new ArrayBuffer(16));
    descriptor.setUint16(0, key);
    descriptor.setUint16(2, CONTROL);
    descriptor.setUint32(4, length);
    descriptor.setBigUint64(8, BigInt(buffer));
    await this.#bus.writeMemory(scratch, new Uint8Array(descriptor.buffer));
    // The register is big-endian.
    const address = new DataView(new ArrayBuffer(4));
    address.setUint32(0, scratch);
    await this.#bus.writeRegister(register, address.getUint32(0, true));
    const control = await this.#bus.readMemory(scratch, 4);
    if (control.some((byte) => byte !== 0)) throw new Error(`The transfer of key ${key} failed`);
    return length === 0 ? new Uint8Array(0) : this.#bus.readMemory(buffer, length);
  }

  /** @returns the directory, in its order */
  async directory(): Promise<Map<string, ListedFile>> {
    const entrySize = 64;
    const count = new DataView((await this.read(FW_CFG_KEY.directory, 4)).buffer).getUint32(0);
    const bytes = await this.read(FW_CFG_KEY.directory, 4 + entrySize * count);
    const files = new Map<string, ListedFile>();
    for (let index = 0; index < count; index++) {
      const entry = new DataView(bytes.buffer, 4 + entrySize * index, entrySize);
      const name = Buffer.from(bytes.buffer, entry.byteOffset + 8, 56).toString('latin1');
      files.set(name.slice(0, name.indexOf('\0')), {
        key: entry.getUint16(4),
        size: entry.getUint32(0),
      });
    }
    return files;
  }

  /** @returns every file of the given names that there is, whole */
  async files(names: readonly string[]): Promise<Map<string, Uint8Array>> {
    const directory = await this.directory();
    const files = new Map<string, Uint8Array>();
    for (const [name, { key, size }] of directory) {
      if (names.includes(name)) files.set(name, await this.read(key, size));
    }
    return files;
  }
}
