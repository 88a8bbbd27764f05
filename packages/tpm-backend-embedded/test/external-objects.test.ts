import { toHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import { TPM_CC } from 'tpm-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshTpm } from './fresh-tpm.js';
import { HIERARCHY, startup, uint32 } from './owned-objects.js';
import { commandBytes, responseCode } from './password-command.js';
import { areas, authValue } from './random-objects.js';
import { SwtpmPeer } from './swtpm-peer.js';
import { joined, sized, words } from './wire-bytes.js';

const loading = fc
  .record({
    areas,
    hasSensitive: fc.boolean(),
    authValue,
    otherType: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1, 8, 0x23, 0x25),
    hierarchy: fc.constantFrom(
      HIERARCHY.null,
      HIERARCHY.null,
      HIERARCHY.null,
      HIERARCHY.owner,
      HIERARCHY.endorsement,
      HIERARCHY.platform,
    ),
  })
  .map(({ areas: one, hasSensitive, authValue: auth, otherType, hierarchy }) => {
    const sensitive = joined(
      words(otherType || one.type),
      sized(auth),
      sized(one.seed),
      sized(one.secret),
    );
    return commandBytes({
      code: TPM_CC.LoadExternal,
      parameters: joined(
        hasSensitive ? sized(sensitive) : words(0),
        sized(one.area),
        uint32(hierarchy),
      ),
    });
  });

describe('TPM2_LoadExternal against swtpm', () => {
  const tpm = freshTpm();
  let swtpm: SwtpmPeer;
  const asked = (command: Uint8Array): Promise<Uint8Array> => swtpm.execute(command.slice(), 0);

  beforeAll(async () => {
    swtpm = await SwtpmPeer.launch();
    await swtpm.init();
    const start = commandBytes({ code: TPM_CC.Startup, parameters: Uint8Array.of(0, 0) });
    expect(responseCode(await asked(start))).toBe(0);
    tpm.initialize();
    expect(startup(tpm)).toBe(0);
  });

  afterAll(() => swtpm.close());

  it('TPM2_LoadExternal answers all kinds of objects, right and wrong ones, as swtpm does', async () => {
    const flush = commandBytes({ code: TPM_CC.FlushContext, parameters: uint32(0x8000_0000) });
    const codes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(loading, async (command) => {
        const expected = (await asked(command)).slice();
        const answer = tpm.execute(command, 0);
        if (responseCode(expected) === 0) {
          const read = commandBytes({ code: TPM_CC.ReadPublic, handles: [0x8000_0000] });
          if (responseCode(answer) === 0) {
            expect(toHex(tpm.execute(read, 0))).toBe(toHex(await asked(read)));
          }
          await asked(flush);
        }
        if (responseCode(answer) === 0) tpm.execute(flush, 0);
        const code = responseCode(expected).toString(16);
        codes.set(code, (codes.get(code) ?? 0) + 1);
        expect([toHex(command), toHex(answer)]).toEqual([toHex(command), toHex(expected)]);
      }),
      {
        numRuns: Number(process.env.TPMDEV_RUNS ?? 2000),
        seed: Number(process.env.TPMDEV_SEED ?? 1),
      },
    );
    console.info(`LoadExternal: codes ${JSON.stringify([...codes])}`);
    expect(codes.get('0')).toBeGreaterThan(100);
    expect(codes.size).toBeGreaterThan(6);
  }, 600_000);
});
