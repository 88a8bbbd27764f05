import { describe, expect, it } from 'vitest';
import { REFUSALS, runRefusal } from '../../test/session-cases.js';
import { sessionTpm } from '../../test/session-tpm.js';

describe('unmarshalSessionArea() and checkAuthorizations()', () => {
  it.each(REFUSALS)(
    'Tpm.execute() gives the code of swtpm for %s',
    async (_name, code, refusal) => {
      const { client, tpm } = await sessionTpm();
      expect(await runRefusal(client, refusal)).toBe(code);
      expect(tpm.failure).toBeUndefined();
    },
  );
});
