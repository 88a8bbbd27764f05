import { describe, expect, it } from 'vitest';
import { NV_SESSION_CASES } from '../../test/nv-session-cases.js';
import { sessionTpm } from '../../test/session-tpm.js';

describe('NV under sessions', () => {
  it.each(NV_SESSION_CASES)(
    'Tpm.execute() answers %s as swtpm does',
    async (_name, run, results) => {
      const { client } = await sessionTpm();
      expect(await run(client)).toEqual(results);
    },
  );
});
