import fc from 'fast-check';
import { runTableLoader } from 'tpm-fwcfg-ppi';
import {
  buildTableLoader,
  describeTpm,
  type GuestMemory,
  type TpmDescription,
} from 'tpm-integration/assembly';
import { describe, expect, it } from 'vitest';
import { completeTables } from './complete-tables.js';
import { findEventLog } from './event-log-place.js';

const MEMORY = 0x20_0000;

function describe20(model: 'tpm-tis' | 'tpm-crb'): TpmDescription {
  return describeTpm({ machine: 'pc', tpm: { model, tpmVersion: '2.0', ppi: true } });
}

class PlainMemory implements GuestMemory {
  readonly bytes = new Uint8Array(MEMORY);

  read(address: number, length: number): Uint8Array | undefined {
    if (!(address + length <= MEMORY)) return undefined;
    return this.bytes.slice(address, address + length);
  }

  write(address: number, bytes: Uint8Array): boolean {
    this.bytes.set(bytes, address);
    return true;
  }
}

/** Links the tables as firmware does. */
function linked(tpm: TpmDescription): PlainMemory {
  const memory = new PlainMemory();
  const { tables, rsdp, list } = completeTables(tpm);
  const files = new Map([
    ['etc/acpi/tables', tables],
    ['etc/acpi/rsdp', rsdp],
    ['etc/tpm/log', new Uint8Array(0x1_0000)],
  ]);
  const script = buildTableLoader({ tables: list, rsdpRevision: 0, sizeMultiple: 4096 });
  let next = 0x10_0000;
  runTableLoader(script, files, {
    memory,
    allocate: ({ zone, size, alignment }) => {
      if (zone === 'f-segment') return 0xf_0000;
      const address = Math.ceil(next / alignment) * alignment;
      next = address + size;
      return address;
    },
  });
  return memory;
}

describe('completeTables()', () => {
  it('completeTables() has the tables in the order of the machine', () => {
    const { list, tables } = completeTables(describe20('tpm-tis'));
    expect(list.map(({ signature }) => signature)).toEqual([
      'FACS',
      'DSDT',
      'FACP',
      'APIC',
      'TPM2',
      'RSDT',
    ]);
    expect(tables).toHaveLength(list.at(-1)!.offset + list.at(-1)!.length);
  });

  it('completeTables() tells where the power management of v86 is', () => {
    const { list, tables } = completeTables(describe20('tpm-crb'));
    const { offset, length } = list.find(({ signature }) => signature === 'FACP')!;
    const view = new DataView(tables.buffer, offset, length);
    const blocks = [56, 64, 76, 80].map((at) => view.getUint32(at, true));
    expect(blocks).toEqual([0xb000, 0xb004, 0xb008, 0xafe0]);
    expect([88, 89, 91, 92].map((at) => view.getUint8(at))).toEqual([4, 2, 4, 4]);
    expect(view.getUint16(46, true)).toBe(9);
    // No SMI command port, no reset register.
    expect(view.getUint32(48, true)).toBe(0);
    expect((view.getUint32(112, true) >>> 10) & 1).toBe(0);
  });

  it('completeTables() has one processor, one I/O APIC, and interrupt 9 as it is', () => {
    const { list, tables } = completeTables(describe20('tpm-tis'));
    const { offset, length } = list.find(({ signature }) => signature === 'APIC')!;
    const body = [...tables.subarray(offset + 36, offset + length)];
    expect(body).toEqual([
      ...[0x00, 0x00, 0xe0, 0xfe, 1, 0, 0, 0],
      ...[0, 8, 0, 0, 1, 0, 0, 0],
      ...[1, 12, 0, 0, 0x00, 0x00, 0xc0, 0xfe, 0, 0, 0, 0],
      ...[2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0],
    ]);
  });

  it('completeTables() can be linked, and lead to the log', () => {
    const memory = linked(describe20('tpm-tis'));
    const log = findEventLog(memory);
    expect(log).toEqual(new Uint8Array(0x1_0000));
  });
});

describe('findEventLog()', () => {
  it('findEventLog() finds nothing in empty or too small memory', () => {
    expect(findEventLog(new PlainMemory())).toBeUndefined();
    expect(findEventLog({ read: () => undefined, write: () => false })).toBeUndefined();
  });

  it('findEventLog() takes a log of TPM 1.2', () => {
    const tpm = describeTpm({ machine: 'pc', tpm: { model: 'tpm-tis', tpmVersion: '1.2' } });
    expect(findEventLog(linked(tpm))).toHaveLength(0x1_0000);
  });

  it('findEventLog() throws nothing, whatever a guest makes of the tables', () => {
    const good = linked(describe20('tpm-tis'));
    const change = fc.record({
      address: fc.oneof(
        fc.integer({ min: 0xf_0000, max: 0xf_0020 }),
        fc.integer({ min: 0x10_0000, max: 0x11_2000 }),
      ),
      value: fc.integer({ min: 0, max: 255 }),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const memory = new PlainMemory();
        memory.bytes.set(good.bytes);
        for (const { address, value } of changes) memory.bytes[address] = value;
        const log = findEventLog(memory);
        expect(log === undefined || log.length <= 0x10_0000).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('findEventLog() refuses a table longer than any', () => {
    const memory = linked(describe20('tpm-tis'));
    const view = new DataView(memory.bytes.buffer);
    const root = view.getUint32(0xf_0010, true);
    view.setUint32(root + 4, 0x2_0000, true);
    expect(findEventLog(memory)).toBeUndefined();
  });
});
