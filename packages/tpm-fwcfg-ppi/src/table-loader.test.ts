import { describe, expect, it } from 'vitest';
import { fromHex, machines, toHex } from '../test/recordings.js';
import {
  decodeLoaderEntry,
  encodeLoaderEntry,
  LOADER_ZONE,
  type LoaderEntry,
} from './loader-script.js';
import { buildTableLoader, LoaderScript } from './table-loader.js';

function commands(script: Uint8Array): unknown[] {
  const entries = [];
  for (let at = 0; at < script.length; at += 128) {
    entries.push(decodeLoaderEntry(script.subarray(at, at + 128)));
  }
  return entries;
}

describe('buildTableLoader', () => {
  it.each(machines.map((machine) => [machine.name, machine] as const))(
    'buildTableLoader() makes the script of QEMU 7.2 byte for byte with %s',
    (_, { machine, tables, tableLoader }) => {
      const isVirt = machine === 'virt';
      const script = buildTableLoader({
        tables,
        rsdpRevision: isVirt ? 2 : 0,
        ...(isVirt ? {} : { sizeMultiple: 4096 }),
      });
      expect(toHex(script)).toBe(tableLoader);
    },
  );

  it('buildTableLoader() has no command for the log without a TPM table', () => {
    const script = buildTableLoader({
      tables: [
        { signature: 'APIC', offset: 0, length: 120 },
        { signature: 'RSDT', offset: 120, length: 40 },
      ],
      rsdpRevision: 0,
    });
    expect(commands(script)).toEqual([
      { command: 'ALLOCATE', file: 'etc/acpi/rsdp', alignment: 16, zone: 2 },
      { command: 'ALLOCATE', file: 'etc/acpi/tables', alignment: 64, zone: 1 },
      { command: 'ADD_CHECKSUM', file: 'etc/acpi/tables', result: 9, start: 0, length: 120 },
      pointer('etc/acpi/tables', 156, 4),
      { command: 'ADD_CHECKSUM', file: 'etc/acpi/tables', result: 129, start: 120, length: 40 },
      pointer('etc/acpi/rsdp', 16, 4),
      { command: 'ADD_CHECKSUM', file: 'etc/acpi/rsdp', result: 8, start: 0, length: 20 },
    ]);
  });

  function pointer(destination: string, offset: number, size: number): LoaderEntry {
    return { command: 'ADD_POINTER', destination, source: 'etc/acpi/tables', offset, size };
  }

  it.each([
    ['TPM2', 52, undefined],
    ['TPM2', 64, undefined],
    ['TPM2', 76, 0x44],
    ['TPM2', 80, 0x48],
    ['TCPA', 50, 0x2a],
  ] as const)(
    'buildTableLoader() links the log of a %s table of %i bytes at %s',
    (signature, length, offset) => {
      const tables = [
        { signature, offset: 0, length },
        { signature: 'XSDT', offset: length, length: 44 },
      ];
      const entries = commands(buildTableLoader({ tables, rsdpRevision: 2 }));
      const pointers = entries.filter(
        (entry) => (entry as { source?: string }).source === 'etc/tpm/log',
      );
      expect(pointers).toEqual(
        offset === undefined
          ? []
          : [
              {
                command: 'ADD_POINTER',
                destination: 'etc/acpi/tables',
                source: 'etc/tpm/log',
                offset,
                size: 8,
              },
            ],
      );
    },
  );

  it('buildTableLoader() pads a longer script to the next multiple', () => {
    const tables = Array.from({ length: 40 }, (_, index) => ({
      signature: 'SSDT',
      offset: 36 * index,
      length: 36,
    }));
    const root = { signature: 'RSDT', offset: 36 * 40, length: 36 + 4 * 40 };
    const description = { tables: [...tables, root], rsdpRevision: 0, sizeMultiple: 4096 } as const;
    expect(buildTableLoader(description).length).toBe(3 * 4096);
  });

  const root = { signature: 'RSDT', offset: 0, length: 36 };
  it.each([
    [
      { tables: [], rsdpRevision: 0 },
      'The last table is "undefined"; an RSDP of revision 0 needs "RSDT" there',
    ],
    [
      { tables: [root], rsdpRevision: 2 },
      'The last table is "RSDT"; an RSDP of revision 2 needs "XSDT" there',
    ],
    [{ tables: [{ ...root, length: 35 }], rsdpRevision: 0 }, 'Table "RSDT" at 0 with 35 bytes'],
    [{ tables: [{ ...root, offset: -1 }], rsdpRevision: 0 }, 'Table "RSDT" at -1 with 36 bytes'],
    [
      { tables: [root, root], rsdpRevision: 0 },
      'Table "RSDT" at 0 with 36 bytes doesn\'t follow the one that ends at 36',
    ],
    [{ tables: [{ ...root, offset: 2 ** 32 }], rsdpRevision: 0 }, 'Table "RSDT" at 4294967296'],
    [
      { tables: [root], rsdpRevision: 0, sizeMultiple: 100 },
      'a multiple of 100 bytes; use a multiple of 128',
    ],
    [{ tables: [root], rsdpRevision: 0, sizeMultiple: 0 }, 'a multiple of 0 bytes'],
  ] as const)('buildTableLoader(%j) is refused with a reason', (description, message) => {
    expect(() => buildTableLoader(description)).toThrow(
      expect.objectContaining({
        code: 'ERR_TABLE_LOADER',
        message: expect.stringContaining(message),
      }),
    );
  });
});

describe('LoaderScript', () => {
  it('LoaderScript puts a later allocation before an earlier one, and both before their use', () => {
    const script = new LoaderScript();
    script.allocate('a', 1, LOADER_ZONE.high);
    script.addChecksum('a', { result: 0, start: 0, length: 1 });
    script.allocate('b', 4096, LOADER_ZONE.fSegment);
    expect(commands(script.finish()).map((entry) => (entry as LoaderEntry).command)).toEqual([
      'ALLOCATE',
      'ALLOCATE',
      'ADD_CHECKSUM',
    ]);
    expect(commands(script.finish())[0]).toMatchObject({ file: 'b' });
  });

  const file = 'f';
  it.each<[string, (script: LoaderScript) => void, string]>([
    [
      'an unknown destination',
      (it) => it.addPointer('x', { source: file, offset: 0, size: 4 }),
      'ADD_POINTER uses "x"',
    ],
    [
      'an unknown source',
      (it) => it.addPointer(file, { source: 'x', offset: 0, size: 4 }),
      'ADD_POINTER uses "x"',
    ],
    [
      'an unknown file',
      (it) => it.addChecksum('x', { result: 0, start: 0, length: 1 }),
      'ADD_CHECKSUM uses "x"',
    ],
    [
      'an unknown pointee',
      (it) => it.writePointer('y', { source: 'x', offset: 0, sourceOffset: 0, size: 8 }),
      'WRITE_POINTER uses "x"',
    ],
    ['a second allocation', (it) => it.allocate(file, 1, 1), '"f" is allocated already'],
    ['alignment 3', (it) => it.allocate('x', 3, 1), 'alignment 3 in zone 1'],
    ['alignment 0', (it) => it.allocate('x', 0, 1), 'alignment 0 in zone 1'],
    ['zone 3', (it) => it.allocate('x', 1, 3), 'alignment 1 in zone 3'],
    [
      'a pointer of 3 bytes',
      (it) => it.addPointer(file, { source: file, offset: 0, size: 3 }),
      "can't have 3 bytes",
    ],
    [
      'a pointer of 16 bytes',
      (it) => it.addPointer(file, { source: file, offset: 0, size: 16 }),
      "can't have 16 bytes",
    ],
    [
      'a negative offset',
      (it) => it.addPointer(file, { source: file, offset: -1, size: 4 }),
      'offset -1',
    ],
    ['a name of 56 characters', (it) => it.allocate('x'.repeat(56), 1, 1), "can't have file"],
    ['an empty name', (it) => it.allocate('', 1, 1), 'can\'t have file ""'],
    ['a name with NUL', (it) => it.allocate('a\0b', 1, 1), "can't have file"],
  ])('LoaderScript refuses %s', (_, add, message) => {
    const script = new LoaderScript();
    script.allocate(file, 1, LOADER_ZONE.high);
    expect(() => add(script)).toThrow(message);
    expect(script.finish().length).toBe(128);
  });
});

describe('decodeLoaderEntry', () => {
  const name = 'n'.repeat(55);
  it.each<[LoaderEntry]>([
    [{ command: 'ALLOCATE', file: name, alignment: 0x8000_0000, zone: 255 }],
    [{ command: 'ADD_POINTER', destination: name, source: 'b', offset: 0xffff_ffff, size: 8 }],
    [{ command: 'ADD_CHECKSUM', file: 'a', result: 1, start: 0xffff_fffe, length: 0xffff_ffff }],
    [
      {
        command: 'WRITE_POINTER',
        destination: 'a',
        source: name,
        offset: 1,
        sourceOffset: 0xffff_ffff,
        size: 4,
      },
    ],
  ])('decodeLoaderEntry() is the inverse of encodeLoaderEntry(): %j', (entry) => {
    const bytes = new Uint8Array(128);
    encodeLoaderEntry(entry, bytes);
    expect(decodeLoaderEntry(bytes)).toEqual(entry);
  });

  it('encodeLoaderEntry() has the bytes of the layout for WRITE_POINTER', () => {
    const bytes = new Uint8Array(128);
    const fields = { offset: 0x0102_0304, sourceOffset: 0x0506_0708, size: 8 };
    encodeLoaderEntry(
      { command: 'WRITE_POINTER', destination: 'AB', source: 'C', ...fields },
      bytes,
    );
    const expected = new Uint8Array(128);
    expected.set([4, 0, 0, 0, 0x41, 0x42]);
    expected.set([0x43], 60);
    expected.set([4, 3, 2, 1, 8, 7, 6, 5, 8], 116);
    expect(toHex(bytes)).toBe(toHex(expected));
  });

  it.each([
    [new Uint8Array(128), undefined],
    [fromHex(`05${'00'.repeat(127)}`), undefined],
    [fromHex(`01${'00'.repeat(127)}`), 'bad-name'],
    [fromHex(`01000000${'41'.repeat(124)}`), 'bad-name'],
    [fromHex(`0200000041${'00'.repeat(123)}`), 'bad-name'],
  ])('decodeLoaderEntry() of entry %# is %s', (bytes, expected) => {
    expect(decodeLoaderEntry(bytes)).toBe(expected);
  });
});
