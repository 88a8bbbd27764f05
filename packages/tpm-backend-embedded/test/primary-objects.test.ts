import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import { launchSwtpm, type SwtpmBackend } from 'tpm-backend-swtpm';
import { TPM_CC } from 'tpm-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshTpm } from './fresh-tpm.js';
import { HIERARCHY, startup, uint32 } from './owned-objects.js';
import { commandBytes, NO_PASSWORD, responseCode } from './password-command.js';
import { hashAlg, template } from './random-templates.js';
import { transplantSeeds } from './transplanted-seeds.js';
import { joined, sized, words } from './wire-bytes.js';

const creation = fc
  .record({
    hierarchy: fc.constantFrom(HIERARCHY.owner, HIERARCHY.endorsement, HIERARCHY.platform),
    template,
    auth: fc.uint8Array({ maxLength: 40 }),
    data: fc.oneof(
      fc.constant(NO_PASSWORD),
      fc.uint8Array({ maxLength: 128 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
    ),
    outsideInfo: fc.uint8Array({ maxLength: 67 }),
    pcrs: fc.array(fc.tuple(hashAlg, fc.uint8Array({ minLength: 3, maxLength: 3 })), {
      maxLength: 3,
    }),
  })
  .map((one) =>
    commandBytes({
      code: TPM_CC.CreatePrimary,
      handles: [one.hierarchy],
      passwords: [NO_PASSWORD],
      parameters: joined(
        sized(joined(sized(one.auth), sized(one.data))),
        sized(one.template),
        sized(one.outsideInfo),
        uint32(one.pcrs.length),
        ...one.pcrs.map(([hash, select]) => joined(words(hash), Uint8Array.of(3, ...select))),
      ),
    }),
  );

describe('TPM2_CreatePrimary against swtpm', () => {
  const tpm = freshTpm();
  let directory: string;
  let swtpm: SwtpmBackend;
  const asked = async (command: Uint8Array): Promise<Uint8Array> => {
    const request = { command, locality: 0, responseCapacity: 4096 } as const;
    return (await swtpm.execute(request)).response.slice();
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tpmdev-primaries-'));
    swtpm = await launchSwtpm({ stateDirectory: directory, tpmVersion: '2.0' });
    await swtpm.start({ bufferSize: 0 });
    const start = commandBytes({ code: TPM_CC.Startup, parameters: Uint8Array.of(0, 0) });
    expect(responseCode(await asked(start))).toBe(0);
    expect(startup(tpm)).toBe(0);
    transplantSeeds(tpm, await readFile(join(directory, 'tpm2-00.permall')));
  });

  afterAll(async () => {
    await swtpm.close();
    await rm(directory, { recursive: true });
  });

  it('TPM2_CreatePrimary with the same seeds answers every template as swtpm does', async () => {
    const flush = commandBytes({ code: TPM_CC.FlushContext, parameters: uint32(0x8000_0000) });
    const codes = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(creation, async (command) => {
        const expected = await asked(command.slice());
        const answer = tpm.execute(command, 0);
        if (responseCode(expected) === 0) await asked(flush.slice());
        if (responseCode(answer) === 0) tpm.execute(flush, 0);
        codes.set(responseCode(expected), (codes.get(responseCode(expected)) ?? 0) + 1);
        expect(toHex(answer)).toBe(toHex(expected));
      }),
      { numRuns: 2000, seed: Number(process.env.TPMDEV_SEED ?? 1) },
    );
    expect(codes.get(0)).toBeGreaterThan(100);
    expect(codes.size).toBeGreaterThan(4);
  });
});
