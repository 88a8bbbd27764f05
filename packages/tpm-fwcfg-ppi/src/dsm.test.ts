import { fixtureLines } from '@tpmdev/testing/fixture';
import { toHex } from '@tpmdev/testing/scripted-backend';
import { describe, expect, it } from 'vitest';
import {
  type DsmCall,
  type DsmResult,
  evaluateDsm,
  MEMORY_OVERWRITE_DSM_UUID,
  PPI_DSM_UUID,
} from './dsm.js';
import { PpiMemory } from './ppi-memory.js';

/** A result as the recording writes it. */
interface RecordedResult {
  readonly type: DsmResult['type'];
  readonly hex?: string;
  readonly value?: number | string;
  readonly elements?: readonly number[];
  readonly status?: string;
}

interface RecordedCase {
  readonly name: string;
  readonly ppiFill: number;
  readonly calls: readonly (DsmCall & { readonly result: RecordedResult })[];
  readonly fieldsAfter: Readonly<Record<string, number>>;
}

const cases = await fixtureLines<RecordedCase>(
  new URL('../fixtures/dsm-results.jsonl.gz', import.meta.url),
);

function recorded(result: DsmResult): RecordedResult {
  if (result.type !== 'buffer') return result;
  return { type: 'buffer', hex: toHex(result.bytes) };
}

function filled(value: number): PpiMemory {
  const memory = new PpiMemory();
  memory.bytes.fill(value);
  return memory;
}

describe('evaluateDsm', () => {
  it('evaluateDsm() is compared with 78 recorded cases', () => {
    expect(cases).toHaveLength(78);
  });

  it.each(cases)(
    'evaluateDsm() does what ACPICA did in case "$name", func $ppiFill',
    (recording) => {
      const memory = filled(recording.ppiFill);
      for (const { result, ...call } of recording.calls) {
        expect(recorded(evaluateDsm(memory, call))).toEqual(result);
      }
      expect({
        PPIN: memory.byte('ppin'),
        PPIP: memory.word('ppip'),
        PPRP: memory.word('pprp'),
        PPRQ: memory.word('pprq'),
        PPRM: memory.word('pprm'),
        LPPR: memory.word('lppr'),
        MOVV: memory.byte('movv'),
      }).toEqual(recording.fieldsAfter);
    },
  );

  it.each([
    ['a buffer', Uint8Array.of(5, 9), { type: 'integer', value: 0 }],
    ['an integer', 5, { type: 'error', status: 'AE_AML_OPERAND_TYPE' }],
    ['an empty package', [], { type: 'error', status: 'AE_AML_PACKAGE_LIMIT' }],
    ['an empty buffer', new Uint8Array(0), { type: 'error', status: 'AE_AML_BUFFER_LIMIT' }],
  ] as const)('evaluateDsm() of function 2 with %s as argument', (_what, argument, result) => {
    const memory = filled(4);
    const call = { uuid: PPI_DSM_UUID, revision: 1, function: 2, argument };
    expect(evaluateDsm(memory, call)).toEqual(result);
    expect(memory.word('pprq')).toBe(result.type === 'integer' ? 5 : 0x0404_0404);
  });

  it('evaluateDsm() of function 2 accepts a blocked operation, of function 7 it does not', () => {
    const memory = filled(2);
    const call = { uuid: PPI_DSM_UUID, revision: 1, argument: [5] };
    expect(evaluateDsm(memory, { ...call, function: 7 })).toEqual({ type: 'integer', value: 3 });
    expect(memory.word('pprq')).toBe(0x0202_0202);
    expect(evaluateDsm(memory, { ...call, function: 2 })).toEqual({ type: 'integer', value: 0 });
    expect(memory.word('pprq')).toBe(5);
  });

  it('evaluateDsm() cuts the memory overwrite request to 8 bits and knows upper case', () => {
    const memory = new PpiMemory();
    const uuid = MEMORY_OVERWRITE_DSM_UUID.toUpperCase();
    evaluateDsm(memory, { uuid, revision: 9, function: 1, argument: [0x1_23] });
    expect(memory.byte('movv')).toBe(0x23);
  });

  it('evaluateDsm() stores a parameter as 32 bits', () => {
    const memory = filled(4);
    const argument = [23, 0x1_8000_0003];
    evaluateDsm(memory, { uuid: PPI_DSM_UUID, revision: 2, function: 7, argument });
    expect(memory.word('pprm')).toBe(0x8000_0003);
  });
});
