import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AmlDecoder, type AmlNode, type AmlPart } from '../../test/aml-decoder.js';
import { toHex } from '../../test/fixtures.js';
import { concatenate } from '../little-endian.js';
import * as aml from './index.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
console.info(`round-trip.test.ts: TPMDEV_SEED=${SEED}`);

/** Methods that the generated code calls, and their numbers of arguments. */
const SIGNATURES = new Map([
  ['FN0_', 0],
  ['FN1_', 1],
  ['\\_SB_.FN3_', 3],
]);

const segment = fc.stringMatching(/^[B-EG-Z_][A-Z0-9_]{3}$/);
const path = fc
  .tuple(
    fc.constantFrom('', '\\', '^', '^^^'),
    fc.oneof(
      fc.array(segment, { minLength: 1, maxLength: 4 }),
      fc.array(segment, { minLength: 255, maxLength: 255 }),
    ),
  )
  .map(([prefix, segments]) => prefix + segments.join('.'));

const wide = fc.oneof(
  fc.bigInt({ min: 0n, max: 0x1ffn }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0xffffn, 0x1_0000n, 0xffff_ffffn, 0x1_0000_0000n),
);
const integer = wide.map((value): AmlNode => ['Integer', value]);
const text = fc.string({
  unit: fc.integer({ min: 1, max: 0x7f }).map((c) => String.fromCharCode(c)),
});
const content = fc.uint8Array({ maxLength: 100 });

/** Lengths on both sides of each boundary of a package length that a test can reach. */
const padding = fc.constantFrom(0, 50, 57, 58, 59, 60, 61, 62, 63, 4090, 4091, 4092, 4093, 4094);

type Part = 'data' | 'term' | 'statement';

const operand = ['Store', 'LAnd', 'LOr', 'LEqual', 'LGreater', 'LLess'];
const withTarget = ['Add', 'Subtract', 'And', 'Or', 'XOr', 'ShiftLeft', 'ShiftRight', 'Index'];

const grammar = fc.letrec((loose) => {
  const tie = (key: Part) => loose(key) as fc.Arbitrary<AmlNode>;
  const body = fc.array(tie('statement'), { maxLength: 3 });
  const target = fc.option(
    fc.oneof(
      path.map((at): AmlNode => ['Path', at]),
      fc.nat(7).map((number): AmlNode => ['Local', number]),
    ),
    { nil: undefined },
  );
  const node = (...parts: fc.Arbitrary<AmlPart>[]): fc.Arbitrary<AmlNode> =>
    fc.tuple(...parts).map((all) => all as unknown as AmlNode);
  return {
    data: fc.oneof(
      { depthSize: 'small' },
      integer,
      node(fc.constant('String'), text),
      content.map((bytes): AmlNode => ['Buffer', BigInt(bytes.length), toHex(bytes)]),
      padding.map((length): AmlNode => ['Buffer', BigInt(length), '5a'.repeat(length)]),
      fc
        .tuple(fc.constantFrom('Package', 'VarPackage'), fc.array(tie('data'), { maxLength: 4 }))
        .map(([kind, list]): AmlNode => [kind, BigInt(list.length), list]),
    ),
    term: fc.oneof(
      { depthSize: 'small' },
      path.map((at): AmlNode => ['Path', at]),
      tie('data'),
      node(fc.constant('Local'), fc.nat(7)),
      node(fc.constant('Arg'), fc.nat(6)),
      node(fc.constantFrom(...operand), tie('term'), tie('term')),
      node(fc.constantFrom('DerefOf', 'LNot', 'SizeOf'), tie('term')),
      node(fc.constantFrom(...withTarget), tie('term'), tie('term'), target),
      node(fc.constant('ToInteger'), tie('term'), target),
      fc
        .constantFrom(...SIGNATURES)
        .chain(([name, count]) =>
          fc
            .array(tie('term'), { minLength: count, maxLength: count })
            .map((list): AmlNode => ['Call', name, list]),
        ),
    ),
    statement: fc.oneof(
      { depthSize: 'small' },
      node(fc.constant('Name'), path, tie('data')),
      node(fc.constantFrom('Return'), tie('term')),
      node(fc.constant('Notify'), tie('term'), tie('term')),
      node(fc.constantFrom('Scope', 'Device'), path, body),
      node(fc.constant('Method'), path, fc.nat(15), body),
      node(fc.constant('If'), tie('term'), body),
      node(fc.constant('If'), tie('term'), body, body),
      node(fc.constant('While'), tie('term'), body),
      node(fc.constant('OperationRegion'), path, fc.nat(1), tie('term'), tie('term')),
      node(
        fc.constant('Field'),
        path,
        fc.constantFrom('any', 'byte', 'word', 'dword', 'qword', 'buffer'),
        fc.nat(1),
        fc.constantFrom('preserve', 'writeAsOnes', 'writeAsZeros'),
        fc.array(
          fc.oneof(
            node(fc.constant('FieldUnit'), segment, fc.nat(0x0fff_ffff)),
            node(fc.constant('Reserved'), fc.nat(0x0fff_ffff)),
          ),
          { maxLength: 4 },
        ),
      ),
      node(fc.constant('CreateField'), tie('term'), tie('term'), tie('term'), path),
      node(
        fc.constant('CreateFixedField'),
        fc.constantFrom(1, 8, 16, 32, 64),
        tie('term'),
        tie('term'),
        path,
      ),
      tie('term'),
    ),
  };
});

const BINARY = {
  Store: aml.store,
  LAnd: aml.lAnd,
  LOr: aml.lOr,
  LEqual: aml.lEqual,
  LGreater: aml.lGreater,
  LLess: aml.lLess,
  Notify: aml.notify,
  Add: aml.add,
  Subtract: aml.subtract,
  And: aml.and,
  Or: aml.or,
  XOr: aml.xor,
  ShiftLeft: aml.shiftLeft,
  ShiftRight: aml.shiftRight,
  Index: aml.index,
} as const;

// biome-ignore lint/suspicious/noExplicitAny: a decoded node has no static shape
type Loose = any;

function bodyOf(list: Loose): aml.AmlStatement[] {
  return list.map(build).map(asStatement);
}

/** Builds the node with the public functions. */
function build([kind, a, b, c, d, e]: readonly [string, ...Loose[]]): Loose {
  if (Object.hasOwn(BINARY, kind)) {
    const operation: Loose = BINARY[kind as keyof typeof BINARY];
    return operation(build(a), build(b), ...(c === undefined ? [] : [build(c)]));
  }
  switch (kind) {
    case 'Integer':
      return a;
    case 'Path':
      return a;
    case 'String':
      return aml.string(a);
    case 'Buffer':
      return aml.buffer(
        (b.match(/../g) ?? []).map((digits: string) => Number.parseInt(digits, 16)),
      );
    case 'Package':
      return aml.packageOf(b.map(build));
    case 'VarPackage':
      return aml.varPackageOf(b.map(build));
    case 'Local':
      return aml.local(a);
    case 'Arg':
      return aml.argument(a);
    case 'DerefOf':
      return aml.derefOf(build(a));
    case 'LNot':
      return aml.lNot(build(a));
    case 'SizeOf':
      return aml.sizeOf(build(a));
    case 'ToInteger':
      return aml.toInteger(build(a), b === undefined ? undefined : build(b));
    case 'Call':
      return aml.call(a, ...b.map(build));
    case 'Return':
      return aml.returns(build(a));
    case 'Name':
      return aml.name(a, build(b));
    case 'Scope':
      return aml.scope(a, bodyOf(b));
    case 'Device':
      return aml.device(a, bodyOf(b));
    case 'Method':
      return aml.method(a, { arguments: b & 7, serialized: b >= 8 }, bodyOf(c));
    case 'If':
      return aml.ifThen(build(a), bodyOf(b), c === undefined ? undefined : bodyOf(c));
    case 'While':
      return aml.whileTrue(build(a), bodyOf(b));
    case 'OperationRegion':
      return aml.operationRegion(a, b === 0 ? 'systemMemory' : 'systemIo', build(c), build(d));
    case 'Field':
      return aml.field(a, { access: b, lock: c === 1, update: d }, e.map(build));
    case 'FieldUnit':
      return aml.fieldUnit(a, b);
    case 'Reserved':
      return aml.reservedBits(a);
    case 'CreateField':
      return aml.createField(build(a), build(b), build(c), d);
    case 'CreateFixedField':
      return aml.createFixedField(a, build(b), build(c), d);
  }
  throw new Error(`${kind} is not built`);
}

/** A bare integer or path as a statement: bytes. */
function asStatement(built: Loose): aml.AmlStatement {
  if (typeof built === 'bigint') return aml.integer(built);
  return typeof built === 'string' ? aml.call(built) : built;
}

describe('aml', () => {
  it('aml encodes any tree of objects so that a decoder reads the same tree', () => {
    fc.assert(
      fc.property(fc.array(grammar.statement, { maxLength: 4 }), (tree) => {
        const bytes = concatenate(...tree.map(build).map(asStatement));
        expect(new AmlDecoder(bytes, SIGNATURES).all()).toEqual(tree);
      }),
      { seed: SEED, numRuns: 1000 },
    );
  });
});
