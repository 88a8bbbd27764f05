import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GuestRam } from '../test/guest-ram.js';
import {
  fromHex,
  linkedTables,
  type MachineRecording,
  machines,
  toHex,
} from '../test/recordings.js';
import { encodeLoaderEntry, type LoaderEntry } from './loader-script.js';
import {
  type AllocationRequest,
  LoaderError,
  type LoaderHost,
  runTableLoader,
} from './table-linker.js';
import { FW_CFG_FILE, TPM_LOG_SIZE } from './tpm-files.js';

const RAM_BASE = 0x10_0000;
const RAM_SIZE = 0x10_0000;

/** Hands out memory upwards, page by page. */
class Host implements LoaderHost {
  readonly memory = new GuestRam(RAM_BASE, RAM_SIZE);
  readonly requests: AllocationRequest[] = [];
  readonly released: number[] = [];
  readonly writable = new Map<string, Uint8Array>();
  #next = RAM_BASE;

  allocate(request: AllocationRequest): number | undefined {
    this.requests.push(request);
    const address = this.#next;
    this.#next += Math.ceil(request.size / 4096) * 4096;
    return this.#next > RAM_BASE + RAM_SIZE ? undefined : address;
  }

  release(address: number): void {
    this.released.push(address);
  }

  writableFile(name: string): Uint8Array | undefined {
    return this.writable.get(name);
  }
}

function scriptOf(...entries: LoaderEntry[]): Uint8Array {
  const script = new Uint8Array(128 * entries.length);
  for (const [index, entry] of entries.entries()) {
    encodeLoaderEntry(entry, script.subarray(128 * index, 128 * index + 128));
  }
  return script;
}

function sum(bytes: Uint8Array): number {
  return bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
}

/** A header, the pointers of the root table and, at its place, the recorded TPM table. */
function filesOf(machine: MachineRecording): Map<string, Uint8Array> {
  const tables = new Uint8Array(machine.blobSize);
  const view = new DataView(tables.buffer);
  for (const { signature, offset, length } of machine.tables) {
    tables.set(
      [...signature].map((character) => character.charCodeAt(0)),
      offset,
    );
    view.setUint32(offset + 4, length, true);
  }
  const root = machine.tables.at(-1)!;
  const width = root.signature === 'RSDT' ? 4 : 8;
  const listed = machine.tables.filter(
    ({ signature }) => !['FACS', 'DSDT', root.signature].includes(signature),
  );
  for (const [index, { offset }] of listed.entries()) {
    view.setUint32(root.offset + 36 + width * index, offset, true);
  }
  const tpm = machine.tables.find(({ signature }) => /TPM2|TCPA/.test(signature))!;
  tables.set(fromHex(machine.tpmTable), tpm.offset);
  return new Map([
    [FW_CFG_FILE.acpiTables, tables],
    [FW_CFG_FILE.acpiRsdp, fromHex(machine.rsdp)],
    [FW_CFG_FILE.tpmLog, new Uint8Array(TPM_LOG_SIZE)],
  ]);
}

describe('runTableLoader', () => {
  it.each(machines.map((machine) => [machine.name, machine] as const))(
    'runTableLoader() makes tables that a guest finds, from the script of QEMU 7.2 with %s',
    (_, machine) => {
      const host = new Host();
      const placements = runTableLoader(fromHex(machine.tableLoader), filesOf(machine), host);
      expect([...placements.keys()]).toEqual(['etc/acpi/rsdp', 'etc/tpm/log', 'etc/acpi/tables']);
      const view = new DataView(host.memory.bytes.buffer);
      const number = (address: number, size: number) =>
        size === 4
          ? view.getUint32(address - RAM_BASE, true)
          : Number(view.getBigUint64(address - RAM_BASE, true));
      const rsdp = placements.get(FW_CFG_FILE.acpiRsdp)!;
      const bytes = host.memory.peek(rsdp.address, rsdp.size);
      expect([sum(bytes.subarray(0, 20)), sum(bytes)]).toEqual([0, 0]);
      const size = machine.machine === 'virt' ? 8 : 4;
      const root = number(rsdp.address + (size === 8 ? 24 : 16), size);
      const found: string[] = [];
      for (let at = root + 36; at < root + number(root + 4, 4); at += size) {
        const table = number(at, size);
        const content = host.memory.peek(table, number(table + 4, 4));
        found.push(String.fromCharCode(...content.subarray(0, 4)));
        expect(sum(content), found.at(-1)).toBe(0);
      }
      expect(sum(host.memory.peek(root, number(root + 4, 4)))).toBe(0);
      expect(found).toEqual(
        machine.tables
          .map(({ signature }) => signature)
          .filter((name) => !/FACS|DSDT|.SDT/.test(name)),
      );
    },
  );

  it.each(linkedTables.map((table) => [table.machine, table.tpm, table.firmware, table] as const))(
    'runTableLoader() links the TPM table on %s with TPM %s as %s does',
    (machineName, tpm, _, linked) => {
      const machine = machines.find(({ name }) =>
        name.startsWith(`${machineName}-tpm-tis-tpm${tpm === '1' ? '12' : '2'}`),
      )!;
      const host = new Host();
      const log = new GuestRam(linked.logAreaStart, TPM_LOG_SIZE);
      const placements = runTableLoader(fromHex(machine.tableLoader), filesOf(machine), {
        memory: {
          read: (address, length) => log.read(address, length) ?? host.memory.read(address, length),
          write: (address, bytes) => log.write(address, bytes) || host.memory.write(address, bytes),
        },
        allocate: (request) =>
          request.file === FW_CFG_FILE.tpmLog ? linked.logAreaStart : host.allocate(request),
      });
      const { offset, length } = machine.tables.find(({ signature }) =>
        /TPM2|TCPA/.test(signature),
      )!;
      const { address } = placements.get(FW_CFG_FILE.acpiTables)!;
      expect(toHex(host.memory.peek(address + offset, length))).toBe(linked.bytes);
    },
  );

  it('runTableLoader() tells the allocator size, alignment, zone and limit', () => {
    const machine = machines.find(({ machine }) => machine === 'virt')!;
    const host = new Host();
    runTableLoader(fromHex(machine.tableLoader), filesOf(machine), host);
    const limit = Number.MAX_SAFE_INTEGER;
    expect(host.requests).toEqual([
      { file: 'etc/acpi/rsdp', size: 36, alignment: 16, zone: 'f-segment', limit },
      { file: 'etc/tpm/log', size: 65536, alignment: 16, zone: 'high', limit },
      { file: 'etc/acpi/tables', size: 131072, alignment: 64, zone: 'high', limit },
    ]);
    const pc = new Host();
    runTableLoader(fromHex(machines[0]!.tableLoader), filesOf(machines[0]!), pc);
    expect(pc.requests.map(({ limit: last }) => last)).toEqual([limit, limit, 2 ** 32]);
  });

  it('runTableLoader() skips padding and unknown commands', () => {
    const script = new Uint8Array(256);
    script[128] = 9;
    expect(runTableLoader(script, new Map(), new Host()).size).toBe(0);
  });

  it('runTableLoader() stores a pointer into a writable file', () => {
    const host = new Host();
    const target = new Uint8Array(12);
    host.writable.set('w', target);
    const files = new Map([['a', new Uint8Array(16)]]);
    const script = scriptOf(
      { command: 'ALLOCATE', file: 'a', alignment: 1, zone: 1 },
      {
        command: 'WRITE_POINTER',
        destination: 'w',
        source: 'a',
        offset: 4,
        sourceOffset: 5,
        size: 8,
      },
    );
    runTableLoader(script, files, host);
    expect(toHex(target)).toBe('000000000500100000000000');
  });

  it('runTableLoader() adds to the offset that a pointer field holds', () => {
    const host = new Host();
    const files = new Map([
      ['a', Uint8Array.of(0, 3, 0, 0)],
      ['b', new Uint8Array(4)],
    ]);
    const script = scriptOf(
      { command: 'ALLOCATE', file: 'a', alignment: 1, zone: 1 },
      { command: 'ALLOCATE', file: 'b', alignment: 1, zone: 1 },
      { command: 'ADD_POINTER', destination: 'a', source: 'b', offset: 1, size: 2 },
    );
    // 0x101003 needs 3 bytes.
    expect(() => runTableLoader(script, files, host)).toThrow('does not fit a pointer of 2 bytes');
    script[2 * 128 + 120] = 4;
    files.set('a', Uint8Array.of(0, 3, 0, 0, 0));
    const again = new Host();
    runTableLoader(script, files, again);
    expect(toHex(again.memory.peek(RAM_BASE, 5))).toBe('0003101000');
  });

  it('runTableLoader() makes the sum zero, whatever the result byte was', () => {
    const host = new Host();
    const files = new Map([['a', Uint8Array.of(1, 2, 99)]]);
    const script = scriptOf(
      { command: 'ALLOCATE', file: 'a', alignment: 1, zone: 1 },
      { command: 'ADD_CHECKSUM', file: 'a', result: 2, start: 0, length: 3 },
    );
    runTableLoader(script, files, host);
    expect([...host.memory.peek(RAM_BASE, 3)]).toEqual([1, 2, 253]);
    expect(files.get('a')).toEqual(Uint8Array.of(1, 2, 99));
  });

  const allocate = { command: 'ALLOCATE', file: 'a', alignment: 1, zone: 1 } as const;
  const pointer = {
    command: 'ADD_POINTER',
    destination: 'a',
    source: 'a',
    offset: 0,
    size: 4,
  } as const;
  const checksum = { command: 'ADD_CHECKSUM', file: 'a', result: 0, start: 0, length: 8 } as const;
  const write = {
    command: 'WRITE_POINTER',
    destination: 'w',
    source: 'a',
    offset: 0,
    sourceOffset: 0,
    size: 8,
  } as const;
  it.each<[string, LoaderEntry[], number]>([
    ['missing-file', [{ ...allocate, file: 'x' }], 0],
    ['missing-file', [allocate, { ...allocate, file: 'empty' }], 1],
    ['allocated-twice', [allocate, allocate], 1],
    ['alignment', [{ ...allocate, alignment: 8192 }], 0],
    ['alignment', [{ ...allocate, alignment: 3 }], 0],
    ['alignment', [{ ...allocate, alignment: 0 }], 0],
    ['zone', [{ ...allocate, zone: 0 }], 0],
    ['zone', [{ ...allocate, zone: 3 }], 0],
    ['not-allocated', [pointer], 0],
    ['not-allocated', [allocate, { ...pointer, source: 'b' }], 1],
    ['not-allocated', [allocate, { ...pointer, destination: 'b' }], 1],
    ['not-allocated', [checksum, allocate], 0],
    ['not-allocated', [write], 0],
    ['pointer-size', [allocate, { ...pointer, size: 3 }], 1],
    ['pointer-size', [allocate, { ...write, size: 0 }], 1],
    ['outside-file', [allocate, { ...pointer, offset: 5 }], 1],
    ['outside-file', [allocate, { ...pointer, offset: 0xffff_ffff }], 1],
    ['outside-file', [allocate, { ...pointer, offset: 4 }], 1],
    ['outside-file', [allocate, { ...checksum, result: 8 }], 1],
    ['outside-file', [allocate, { ...checksum, length: 9 }], 1],
    ['outside-file', [allocate, { ...checksum, start: 0xffff_ffff, length: 0xffff_ffff }], 1],
    ['outside-file', [allocate, { ...write, sourceOffset: 8 }], 1],
    ['outside-file', [allocate, { ...write, offset: 1 }], 1],
    ['pointer-overflow', [allocate, { ...pointer, size: 2 }], 1],
    ['pointer-overflow', [allocate, { ...write, size: 1 }], 1],
    ['not-writable', [allocate, { ...write, destination: 'a' }], 1],
    ['placement', [allocate, { ...allocate, file: 'huge' }], 1],
  ])('runTableLoader() refuses with %s and writes nothing: %j', (reason, entries, entry) => {
    const host = new Host();
    host.memory.bytes.fill(0x5a);
    const written = new Uint8Array(8);
    host.writable.set('w', written);
    const files = new Map([
      // At offset 4 there is 8, the length of the file, which is outside of it.
      ['a', Uint8Array.of(0, 0, 0, 0, 8, 0, 0, 0)],
      ['empty', new Uint8Array(0)],
      ['huge', new Uint8Array(RAM_SIZE)],
    ]);
    expect(() => runTableLoader(scriptOf(...entries), files, host)).toThrow(
      expect.objectContaining({ code: 'ERR_LOADER_SCRIPT', reason, entry }),
    );
    expect([host.memory.writes, sum(written)]).toEqual([0, 0]);
    expect(host.released.length).toBe(host.requests.length - (reason === 'placement' ? 1 : 0));
  });

  it.each([
    ['script-size', undefined, new Uint8Array(127)],
    ['name', 0, fromHex(`01000000${'41'.repeat(124)}`)],
  ] as const)('runTableLoader() refuses a malformed script with %s', (reason, entry, script) => {
    expect(() => runTableLoader(script, new Map(), new Host())).toThrow(
      expect.objectContaining({ name: 'LoaderError', reason, entry }),
    );
  });

  it.each<[string, (request: AllocationRequest) => number]>([
    ['not a number', () => Number.NaN],
    ['negative', () => -4096],
    ['not aligned', () => RAM_BASE + 8],
    ['above the limit', () => 2 ** 32 - 4],
    ['on another file', () => RAM_BASE],
  ])('runTableLoader() refuses a placement that is %s', (_, place) => {
    const host = new Host();
    const files = new Map([
      ['a', new Uint8Array(64)],
      ['b', new Uint8Array(64)],
    ]);
    const script = scriptOf(allocate, { ...allocate, file: 'b' }, { ...pointer, source: 'b' });
    expect(() =>
      runTableLoader(script, files, {
        memory: host.memory,
        allocate: (request) => (request.file === 'a' ? RAM_BASE : place(request)),
      }),
    ).toThrow(expect.objectContaining({ reason: 'placement', entry: 1 }));
    expect(host.memory.writes).toBe(0);
  });

  it('runTableLoader() takes back what it wrote when memory fails in the middle', () => {
    const machine = machines[0]!;
    const host = new Host();
    host.memory.bytes.fill(0x5a);
    // The third file doesn't get written; the first two get their old bytes back.
    let calls = 0;
    const memory = {
      read: (address: number, length: number) => host.memory.read(address, length),
      write: (address: number, bytes: Uint8Array) =>
        ++calls !== 3 && host.memory.write(address, bytes),
    };
    expect(() =>
      runTableLoader(fromHex(machine.tableLoader), filesOf(machine), {
        memory,
        allocate: (request) => host.allocate(request),
      }),
    ).toThrow(expect.objectContaining({ reason: 'memory', entry: undefined }));
    expect(host.memory.writes).toBe(4);
    expect(host.memory.bytes.every((byte) => byte === 0x5a)).toBe(true);
  });

  it('runTableLoader() throws nothing but LoaderError for mutated scripts, and writes whole or not', () => {
    const mutation = fc.record({ at: fc.nat(), value: fc.nat(255) });
    const some = fc.array(mutation, { minLength: 1, maxLength: 12 });
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...machines), some, fc.boolean(), (machine, mutations, cut) => {
        let script = fromHex(machine.tableLoader);
        for (const { at, value } of mutations) script[at % script.length] = value;
        if (cut) script = script.slice(0, mutations[0]!.at % script.length);
        const host = new Host();
        try {
          runTableLoader(script, filesOf(machine), host);
        } catch (error) {
          refused++;
          expect(error).toBeInstanceOf(LoaderError);
          expect(host.memory.writes).toBe(0);
          expect(host.released.length).toBe(host.requests.length);
        }
        expect(host.memory.nonsense).toEqual([]);
      }),
      { verbose: 1, numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(20);
  });
});
