import { describe, expect, it } from 'vitest';
import { toHex } from '../../test/fixtures.js';
import { AcpiError } from '../error.js';
import * as aml from './index.js';

const plain = (text: string) => text.replaceAll(' ', '').toLowerCase();

describe('aml', () => {
  it.each([
    ['name() of an integer 1', aml.name('_UID', 1), '08 5F554944 01'],
    ['name() of an integer 15', aml.name('_STA', 0x0f), '08 5F535441 0A0F'],
    ['name() of a package', aml.name('TPM2', aml.packageOf([0, 0])), '08 54504D32 12 04 02 00 00'],
    ['string()', aml.string('1.3'), '0D 312E33 00'],
    ['buffer() of one byte', aml.buffer([0]), '11 03 01 00'],
    ['buffer() of nothing', aml.buffer([]), '11 02 00'],
    ['varPackageOf()', aml.varPackageOf([1, 'A']), '13 08 0A02 01 415F5F5F'],
    ['scope()', aml.scope('\\_SB', []), '10 06 5C 5F53425F'],
    ['device()', aml.device('TPM', []), '5B82 05 54504D5F'],
    [
      'method() with 4 arguments, serialized',
      aml.method('_DSM', { arguments: 4, serialized: true }, []),
      '14 06 5F44534D 0C',
    ],
    ['method() without arguments', aml.method('A', {}, []), '14 06 415F5F5F 00'],
    [
      'operationRegion()',
      aml.operationRegion('TPP2', 'systemMemory', 0xfed4_5100, 0x5a),
      '5B80 54505032 00 0C0051D4FE 0A5A',
    ],
    [
      'operationRegion() with a computed offset',
      aml.operationRegion('TPP1', 'systemMemory', aml.add(0xfed4_5000, aml.argument(0)), 1),
      '5B80 54505031 00 72 0C0050D4FE 68 00 01',
    ],
    [
      'operationRegion() of I/O ports',
      aml.operationRegion('IOP', 'systemIo', 0x510, 2),
      '5B80 494F505F 01 0B1005 0A02',
    ],
    [
      'field() with reserved bits, locked, word access, write as zeros',
      aml.field('R', { access: 'word', lock: true, update: 'writeAsZeros' }, [
        aml.fieldUnit('A', 8),
        aml.reservedBits(64),
      ]),
      '5B81 0E 525F5F5F 52 415F5F5F 08 00 4004',
    ],
    ['createField()', aml.createField('B', 0, 4, 'F'), '5B13 425F5F5F 00 0A04 465F5F5F'],
    ['createFixedField(1)', aml.createFixedField(1, 'B', 0, 'F'), '8D 425F5F5F 00 465F5F5F'],
    ['createFixedField(8)', aml.createFixedField(8, 'B', 0, 'F'), '8C 425F5F5F 00 465F5F5F'],
    ['createFixedField(16)', aml.createFixedField(16, 'B', 0, 'F'), '8B 425F5F5F 00 465F5F5F'],
    ['createFixedField(32)', aml.createFixedField(32, 'B', 0, 'F'), '8A 425F5F5F 00 465F5F5F'],
    ['createFixedField(64)', aml.createFixedField(64, 'B', 0, 'F'), '8F 425F5F5F 00 465F5F5F'],
    ['local()', aml.local(7), '67'],
    ['argument()', aml.argument(6), '6E'],
    ['call()', aml.call('TPFN', aml.local(0)), '5450464E 60'],
    ['and() without a target', aml.and(aml.local(1), 7), '7B 61 0A07 00'],
    ['and() with a target', aml.and(aml.local(1), 7, aml.local(2)), '7B 61 0A07 62'],
    ['or()', aml.or(1, 0), '7D 01 00 00'],
    ['xor()', aml.xor(1, 0), '7F 01 00 00'],
    ['subtract()', aml.subtract(1, 0), '74 01 00 00'],
    ['shiftLeft()', aml.shiftLeft(1, 0), '79 01 00 00'],
    ['shiftRight()', aml.shiftRight(1, 0), '7A 01 00 00'],
    ['toInteger()', aml.toInteger(aml.argument(0), aml.local(0)), '99 68 60'],
    ['lAnd()', aml.lAnd(1, 0), '90 01 00'],
    ['lOr()', aml.lOr(1, 0), '91 01 00'],
    ['lNot()', aml.lNot(1), '92 01'],
    ['lNotEqual()', aml.lNotEqual(1, 0), '92 93 01 00'],
    ['lGreater()', aml.lGreater(1, 0), '94 01 00'],
    ['lGreaterEqual()', aml.lGreaterEqual(aml.argument(0), 0x100), '92 95 68 0B0001'],
    ['lLessEqual()', aml.lLessEqual(1, 0), '92 94 01 00'],
    ['sizeOf()', aml.sizeOf('A'), '87 415F5F5F'],
    ['notify()', aml.notify('TPM', 0x80), '86 54504D5F 0A80'],
    [
      'store() into an element',
      aml.store('PPRQ', aml.index('TPM2', 1)),
      '70 50505251 88 54504D32 01 00',
    ],
    [
      'derefOf() of an element',
      aml.store(aml.derefOf(aml.index(aml.argument(3), 0)), aml.local(0)),
      '70 83 88 6B 00 00 60',
    ],
    ['ifThen()', aml.ifThen(aml.local(0), [aml.returns(1)]), 'A0 04 60 A401'],
    [
      'ifThen() with an else branch',
      aml.ifThen(aml.local(0), [aml.returns(1)], [aml.returns(0)]),
      'A0 04 60 A401 A1 03 A400',
    ],
    ['whileTrue()', aml.whileTrue(aml.local(0), [aml.store(0, aml.local(0))]), 'A2 05 60 70 00 60'],
    ['eisaId()', aml.eisaId('PNP0C31'), '0C 41D00C31'],
    ['eisaId() of a letter near the end', aml.eisaId('ZZZFFFF'), '0C 6B5AFFFF'],
    [
      'uuid()',
      aml.uuid('3DDDFAA6-361b-4eb4-a424-8d10089d1653'),
      '11 13 0A10 A6FADD3D 1B36 B44E A424 8D10089D1653',
    ],
    [
      'resourceTemplate() of a memory range',
      aml.resourceTemplate([aml.memory32Fixed(0xfed4_0000, 0x5000)]),
      '11 11 0A0E 86 0900 01 0000D4FE 00500000 7900',
    ],
    ['resourceTemplate() of nothing', aml.resourceTemplate([]), '11 05 0A02 7900'],
    [
      'memory32Fixed() that is read-only',
      aml.memory32Fixed(1, 2, true),
      '86 0900 00 01000000 02000000',
    ],
    ['io()', aml.io(0x510, 0x510, 0, 0x0c), '47 01 1005 1005 00 0C'],
    ['irq() without flags', aml.irq(5), '22 2000'],
    ['irq() with flags', aml.irq(15, { edge: true, activeLow: true, shared: true }), '23 0080 19'],
    ['irq() that is level-triggered', aml.irq(0, {}), '23 0100 00'],
    ['interrupt()', aml.interrupt([5, 0x1_0000]), '89 0A00 01 02 05000000 00000100'],
    [
      'interrupt() with flags',
      aml.interrupt([1], { edge: true, activeLow: true, shared: true }),
      '89 0600 0F 01 01000000',
    ],
  ] as const)('aml.%s has the bytes of the standard', (_, built, bytes) => {
    expect(toHex(built)).toBe(plain(bytes));
  });

  it.each([
    ['local(8)', () => aml.local(8)],
    ['local(-1)', () => aml.local(-1)],
    ['argument(7)', () => aml.argument(7)],
    ['method() with 8 arguments', () => aml.method('A', { arguments: 8 }, [])],
    ['packageOf() with 256 elements', () => aml.packageOf(new Array<number>(256).fill(0))],
    ['string() with NUL', () => aml.string('a\0')],
    ['string() with an umlaut', () => aml.string('ä')],
    ['eisaId() in lower case', () => aml.eisaId('pnp0C31')],
    ['eisaId() that is too long', () => aml.eisaId('PNP0C310')],
    ['uuid() without hyphens', () => aml.uuid('3dddfaa6361b4eb4a4248d10089d1653')],
    ['memory32Fixed() above 4 GiB', () => aml.memory32Fixed(0x1_0000_0000, 1)],
    ['io() above 64 Ki', () => aml.io(0x1_0000, 0x1_0000, 1, 1)],
    ['irq(16)', () => aml.irq(16)],
    ['interrupt() of nothing', () => aml.interrupt([])],
    ['interrupt() of 256', () => aml.interrupt(new Array<number>(256).fill(1))],
    ['store() of a text that is no path', () => aml.store('MSFT0101', aml.local(0))],
  ])('aml.%s is refused', (_, build) => {
    expect(build).toThrow(AcpiError);
  });

  it('aml keeps kinds of AML apart at compile time', () => {
    const statement = aml.ifThen(1, []);
    const unit = aml.fieldUnit('A', 1);
    // @ts-expect-error A statement has no value.
    expect(aml.returns(statement)).toBeInstanceOf(Uint8Array);
    // @ts-expect-error A field unit is no statement.
    expect(aml.device('A', [unit])).toBeInstanceOf(Uint8Array);
    // @ts-expect-error A named object holds a constant.
    expect(aml.name('A', aml.local(0))).toBeInstanceOf(Uint8Array);
    // @ts-expect-error A resource template holds descriptors.
    expect(aml.resourceTemplate([aml.local(0)])).toBeInstanceOf(Uint8Array);
  });
});
