import { TPM_CC } from 'tpm-core';
import { expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import { startup } from '../../test/owned-objects.js';
import { commandBytes, responseCode } from '../../test/password-command.js';

it('isVendorAuth() handles are of the kind to bind to, and not there: the handle before counts first', () => {
  const tpm = freshTpm();
  startup(tpm);
  const start = (tpmKey: number, bind: number) =>
    responseCode(
      tpm.execute(
        commandBytes({
          code: TPM_CC.StartAuthSession,
          handles: [tpmKey, bind],
          parameters: Uint8Array.of(0, 16, ...new Uint8Array(18), 0, 0, 0x10, 0, 0x0b),
        }),
        0,
      ),
    );
  const none = 0x4000_0007;
  const notLoaded = 0x8000_0000;
  for (const [bind, code] of [
    [0x4000_000f, 0x284],
    [0x4000_0010, 0x910],
    [0x4000_010f, 0x910],
    [0x4000_0110, 0x284],
  ] as const) {
    expect([start(none, bind), start(notLoaded, bind)]).toEqual([0x284, code]);
  }
});
