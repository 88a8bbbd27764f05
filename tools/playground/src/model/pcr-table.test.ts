import { HASH_ALGORITHM } from 'tpm-fwcfg-ppi/event-log';
import { describe, expect, it } from 'vitest';
import { viewPcrs } from './pcr-table.js';

const SHA1 = HASH_ALGORITHM['SHA-1'];
const SHA256 = HASH_ALGORITHM['SHA-256'];

function banks(pcr0: number): Map<number, Map<number, Uint8Array>> {
  return new Map([
    [SHA1, new Map([[0, new Uint8Array(20)]])],
    [
      SHA256,
      new Map([
        [0, new Uint8Array(32).fill(pcr0, 31)],
        [10, new Uint8Array(32)],
        [17, new Uint8Array(32).fill(0xff)],
      ]),
    ],
  ]);
}

describe('viewPcrs()', () => {
  it('viewPcrs() puts SHA-256 first and tells what was measured from what was not', () => {
    const [first, second] = viewPcrs(banks(1), []);
    expect([first?.name, second?.name]).toEqual(['SHA-256', 'SHA-1']);
    expect(first?.rows.map(({ pcr, state, usage }) => [pcr, state, usage])).toEqual([
      [0, 'extended', 'Firmware code'],
      [10, 'reset', 'Linux IMA'],
      [17, 'reset', 'Dynamic launch'],
    ]);
    expect(first?.rows[0]?.value).toBe(`${'00'.repeat(31)}01`);
  });

  it('viewPcrs() marks exactly the PCRs whose value is another one than before', () => {
    const before = viewPcrs(banks(1), []);
    const changed = (views: typeof before) =>
      views.flatMap(({ name, rows }) =>
        rows.filter(({ isChanged }) => isChanged).map(({ pcr }) => `${name} ${pcr}`),
      );
    expect(changed(before)).toEqual([]);
    expect(changed(viewPcrs(banks(1), before))).toEqual([]);
    expect(changed(viewPcrs(banks(2), before))).toEqual(['SHA-256 0']);
  });
});
