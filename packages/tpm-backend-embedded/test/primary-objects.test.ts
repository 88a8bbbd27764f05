import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import { launchSwtpm, type SwtpmBackend } from 'tpm-backend-swtpm';
import { readUint16, TPM_CC, WireWriter } from 'tpm-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TPM_ALG, TPM_ECC } from '../src/structures/algorithm-ids.js';
import { TPMA_OBJECT } from '../src/structures/public-area.js';
import type { Tpm } from '../src/tpm.js';
import { freshTpm } from './fresh-tpm.js';
import { HIERARCHY, startup, uint32 } from './owned-objects.js';
import { commandBytes, NO_PASSWORD, responseCode } from './password-command.js';

const SEED_SIZE = 64;
const NULL = TPM_ALG.NULL;

/** Gives a TPM the seeds and proofs in a new swtpm's state file: the six 64-byte values in a row. */
function transplantSeeds(tpm: Tpm, file: Uint8Array): void {
  const step = 2 + SEED_SIZE;
  const start = file.findIndex((_byte, offset) =>
    [0, 1, 2, 3, 4, 5].every((index) => readUint16(file, offset + index * step) === SEED_SIZE),
  );
  if (start < 0) throw new Error('The state file of swtpm has no six seeds and proofs in a row');
  const value = (index: number): Uint8Array =>
    file.slice(start + index * step + 2, start + (index + 1) * step);
  Object.assign(tpm.state.permanent, {
    endorsementSeed: value(0),
    storageSeed: value(1),
    platformSeed: value(2),
    platformProof: value(3),
    storageProof: value(4),
    endorsementProof: value(5),
  });
}

/** 16-bit numbers. */
function words(...values: readonly number[]): Uint8Array {
  const writer = new WireWriter();
  for (const value of values) writer.uint16(value);
  return writer.finish();
}

function sized(bytes: Uint8Array): Uint8Array {
  return new WireWriter().uint16(bytes.length).bytes(bytes).finish();
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const hashAlg = fc.constantFrom(TPM_ALG.SHA1, TPM_ALG.SHA256, TPM_ALG.SHA384, TPM_ALG.SHA512);
const mode = fc.constantFrom(TPM_ALG.CFB, TPM_ALG.CFB, TPM_ALG.CTR, TPM_ALG.ECB, NULL);
const aes = fc.tuple(fc.constantFrom(128, 256), mode);
const symmetric = fc.oneof(
  fc.constant(words(NULL)),
  aes.map(([bits, cipherMode]) => words(TPM_ALG.AES, bits, cipherMode)),
);
const noScheme = fc.constant(words(NULL));
const kdfs = [TPM_ALG.KDF1_SP800_108, TPM_ALG.KDF1_SP800_56A, TPM_ALG.MGF1] as const;

/** Attributes, most of them as a usable object has them. */
const objectAttributes = fc
  .record({
    fixed: fc.constantFrom(0x12, 0x12, 0x12, 0x12, 0, 0, 0x10, 0x02),
    origin: fc.boolean(),
    usage: fc.constantFrom(0, 1, 2, 2, 3, 3, 4, 4, 5, 6, 6, 7),
    others: fc.subarray([0x04, 0x40, 0x80, 0x400, 0x800, 0x0008_0000], { maxLength: 2 }),
  })
  .map(
    ({ fixed, origin, usage, others }) =>
      (fixed |
        (origin ? TPMA_OBJECT.sensitiveDataOrigin : 0) |
        (usage << 16) |
        others.reduce((all, bit) => all | bit, 0)) >>>
      0,
  );

const parametersAndUnique = fc.oneof(
  fc
    .tuple(
      symmetric,
      fc.oneof(
        noScheme,
        hashAlg.map((hash) => words(TPM_ALG.ECDSA, hash)),
        hashAlg.map((hash) => words(TPM_ALG.ECDH, hash)),
        hashAlg.map((hash) => words(TPM_ALG.ECDAA, hash, 7)),
      ),
      fc.constantFrom(TPM_ECC.NIST_P256, TPM_ECC.NIST_P384, TPM_ECC.NIST_P521),
      fc.constantFrom(words(NULL), words(NULL), words(NULL), words(TPM_ALG.MGF1, TPM_ALG.SHA1)),
      fc.uint8Array({ maxLength: 66 }),
    )
    .map(([cipher, scheme, curve, kdf, x]) => ({
      type: TPM_ALG.ECC as number,
      rest: joined(cipher, scheme, words(curve), kdf, sized(x), sized(x)),
    })),
  fc
    .tuple(
      fc.oneof(
        noScheme,
        hashAlg.map((hash) => words(TPM_ALG.HMAC, hash)),
        fc.tuple(hashAlg, fc.constantFrom(...kdfs)).map(([hash, kdf]) => {
          return words(TPM_ALG.XOR, hash, kdf);
        }),
      ),
      fc.uint8Array({ maxLength: 64 }),
    )
    .map(([scheme, unique]) => ({
      type: TPM_ALG.KEYEDHASH as number,
      rest: joined(scheme, sized(unique)),
    })),
  fc
    .tuple(
      symmetric,
      fc.oneof(
        noScheme,
        hashAlg.map((hash) => words(TPM_ALG.RSASSA, hash)),
        hashAlg.map((hash) => words(TPM_ALG.OAEP, hash)),
        fc.constant(words(TPM_ALG.RSAES)),
      ),
      fc.constantFrom(0, 0, 65_537, 65_539, 3),
      fc.uint8Array({ maxLength: 200 }),
    )
    .map(([cipher, scheme, exponent, unique]) => ({
      type: TPM_ALG.RSA as number,
      rest: joined(cipher, scheme, words(1024), uint32(exponent), sized(unique)),
    })),
  fc.tuple(aes, fc.uint8Array({ maxLength: 64 })).map(([[bits, cipherMode], unique]) => ({
    type: TPM_ALG.SYMCIPHER as number,
    rest: joined(words(TPM_ALG.AES, bits, cipherMode), sized(unique)),
  })),
);

const template = fc
  .record({
    body: parametersAndUnique,
    nameAlg: hashAlg,
    objectAttributes,
    policy: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 20, 32, 64),
  })
  .map(({ body, nameAlg, objectAttributes: bits, policy }) =>
    joined(
      words(body.type, nameAlg),
      uint32(bits),
      sized(new Uint8Array(policy).fill(1)),
      body.rest,
    ),
  );

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
