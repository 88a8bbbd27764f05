import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readHeader, readUint32, WireError, WireReader, WireWriter } from './wire.js';

describe('WireReader', () => {
  it('WireReader reads big-endian fields in order', () => {
    const reader = new WireReader(Uint8Array.of(0x80, 0x01, 0, 0, 0, 0x0c, 0x7f, 0xaa, 0xbb));
    expect(reader.uint16()).toBe(0x8001);
    expect(reader.uint32()).toBe(12);
    expect(reader.uint8()).toBe(0x7f);
    expect([...reader.bytes(2)]).toEqual([0xaa, 0xbb]);
    expect(reader.remaining).toBe(0);
  });

  it.each([
    ['uint8', 0],
    ['uint16', 1],
    ['uint32', 3],
    ['uint64', 7],
  ] as const)('WireReader.%s() throws when a byte is missing', (method, length) => {
    expect(() => new WireReader(new Uint8Array(length))[method]()).toThrow(WireError);
  });

  it.each([-1, 3, Number.NaN, Infinity])(
    'WireReader.bytes(%s) throws outside the buffer',
    (length) => {
      expect(() => new WireReader(new Uint8Array(2)).bytes(length)).toThrow(WireError);
    },
  );
});

describe('WireWriter', () => {
  it('WireWriter and WireReader are inverse', () => {
    const field = fc.oneof(
      fc.nat(0xff).map((value) => ['uint8', value] as const),
      fc.nat(0xffff).map((value) => ['uint16', value] as const),
      fc.nat(0xffff_ffff).map((value) => ['uint32', value] as const),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => ['uint64', value] as const),
    );
    fc.assert(
      fc.property(fc.array(field, { maxLength: 40 }), (fields) => {
        const writer = new WireWriter();
        for (const [method, value] of fields) writer[method](value as never);
        const reader = new WireReader(writer.finish());
        for (const [method, value] of fields) expect(reader[method]()).toBe(value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it('WireWriter throws beyond its capacity and keeps what was written', () => {
    const writer = new WireWriter(6).uint32(0xdead_beef);
    expect(() => writer.uint32(0)).toThrow(WireError);
    expect([...writer.finish()]).toEqual([0xde, 0xad, 0xbe, 0xef]);
  });

  it('WireWriter.bytes() grows to any size up to the capacity', () => {
    const bytes = new Uint8Array(5000).fill(7);
    expect(new WireWriter(5001).uint8(1).bytes(bytes).finish().subarray(1)).toEqual(bytes);
  });

  it('WireWriter.patchUint32() overwrites a size field and refuses one not yet written', () => {
    const writer = new WireWriter().uint16(0x8001).uint32(0).uint32(0x144);
    expect(readUint32(writer.patchUint32(2, writer.length).finish(), 2)).toBe(10);
    expect(() => writer.patchUint32(7, 0)).toThrow(WireError);
  });
});

describe('readHeader', () => {
  it('readHeader() returns tag, size and code', () => {
    const command = Uint8Array.of(0x80, 0x01, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0);
    expect(readHeader(command)).toEqual({ tag: 0x8001, size: 12, code: 0x144 });
  });

  it('readHeader() refuses fewer than 10 bytes', () => {
    expect(readHeader(new Uint8Array(9))).toBeUndefined();
  });
});
