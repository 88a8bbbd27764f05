import { afterAll, describe, expect, it } from 'vitest';
import { aml, definitionBlock, tpmSsdt } from '../src/index.js';
import { Acpica } from './acpica.js';
import { dsmCases, toHex } from './fixtures.js';

const acpica = new Acpica();
afterAll(() => acpica.close());

const SCOPE = '\\_SB.PCI0.S08';
const DEVICE = `${SCOPE}.TPM`;

/** A machine with nothing but an ISA bridge, and the TPM in a table of its own. */
const tables = [
  definitionBlock({
    signature: 'DSDT',
    revision: 1,
    body: [aml.scope('\\_SB', [aml.device('PCI0', [aml.device('S08', [])])])],
  }),
  tpmSsdt({ device: { model: 'tpm-tis', tpmVersion: '2.0', ppi: true }, scope: SCOPE }),
];

/** The 16 bytes of a UUID as the debugger reads a buffer. */
function uuidArgument(uuid: string): string {
  const bytes = toHex(aml.uuid(uuid).subarray(-16));
  return `(${bytes.match(/../g)!.join(' ')})`;
}

const hexadecimal = (value: number) => `0x${value.toString(16)}`;
const cases = dsmCases();

describe('_DSM in ACPICA', () => {
  it('_DSM is compared in 78 cases with 120 calls', () => {
    expect(cases.length).toBe(78);
    expect(cases.reduce((calls, one) => calls + one.calls.length, 0)).toBe(120);
  });

  it.each(cases.map((one) => [one.name, one] as const))(
    '_DSM returns and stores what that of QEMU 7.2 does: %s',
    (_, { ppiFill, calls, fieldsAfter }) => {
      const fields = Object.keys(fieldsAfter);
      expect(fields).toEqual(['PPIN', 'PPIP', 'PPRP', 'PPRQ', 'PPRM', 'LPPR', 'MOVV']);
      const results = acpica.evaluate(tables, ppiFill, [
        ...calls.map(({ uuid, revision, function: number, argument }) =>
          [
            `${DEVICE}._DSM`,
            uuidArgument(uuid),
            hexadecimal(revision),
            hexadecimal(number),
            `[${argument.map(hexadecimal).join(' ')}]`,
          ].join(' '),
        ),
        ...fields.map((field) => `${DEVICE}.${field}`),
      ]);
      expect(results).toEqual([
        ...calls.map(({ result }) => result),
        ...fields.map((field) => ({ type: 'integer', value: fieldsAfter[field] })),
      ]);
    },
  );
});
