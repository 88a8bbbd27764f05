import { describe, expect, it } from 'vitest';
import { PolicyBench } from '../../test/policy-bench.js';
import { OWNER_CASES } from '../../test/policy-owner-cases.js';
import { ROLE_CASES } from '../../test/policy-role-cases.js';
import { USE_CASES } from '../../test/policy-use-cases.js';
import { sessionTpm } from '../../test/session-tpm.js';

describe('policies with the entities that they are for', () => {
  it.each([...USE_CASES, ...OWNER_CASES, ...ROLE_CASES])(
    'Tpm.execute() gives the codes of swtpm for %s',
    async (_name, codes, run) => {
      const { client, clock, tpm } = await sessionTpm();
      const wait = (milliseconds: number): Promise<void> =>
        Promise.resolve(clock.advance(milliseconds));
      const found = await run(new PolicyBench(client, wait));
      expect(found.map(hex)).toEqual(codes.map(hex));
      expect(tpm.failure).toBeUndefined();
    },
  );
});

function hex(code: number): string {
  return `0x${code.toString(16)}`;
}
