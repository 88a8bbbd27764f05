import { toHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import { TPM_CC } from 'tpm-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashAlgorithm } from '../src/crypto/hash.js';
import { HIERARCHY, uint32 } from './owned-objects.js';
import { NO_PASSWORD } from './password-command.js';
import { type Areas, areas, authValue } from './random-objects.js';
import { hashAlg, template } from './random-templates.js';
import { type Answer, EMPTY_AUTH, type Request, TwinTpms } from './twin-tpms.js';
import { joined, sized, words } from './wire-bytes.js';

const NULL = 0x0010;
const RUNS = Number(process.env.TPMDEV_RUNS ?? 300);
const SEED = Number(process.env.TPMDEV_SEED ?? 1);
/** TPM_RC_FAILURE, which libtpms has for a secret that isn't for the RSA key. */
const FAILURE = 0x101;
const VALUE = 0x84;

/** Parents: ECC, ECC that may be copied, RSA, symmetric, ECC with encrypted copies, derivation. */
const PARENTS: readonly Uint8Array[] = [
  joined(words(0x23, 0xb), uint32(0x0003_0472), words(0, 6, 128, 0x43, NULL, 3, NULL, 0, 0)),
  joined(words(0x23, 0xc), uint32(0x0003_0460), words(0, 6, 256, 0x43, NULL, 4, NULL, 0, 0)),
  joined(words(0x01, 0xb), uint32(0x0003_0472), words(0, 6, 128, 0x43, NULL, 1024, 0, 0, 0)),
  joined(words(0x25, 0x4), uint32(0x0003_0472), words(0, 6, 128, 0x43, 0)),
  joined(words(0x23, 0xb), uint32(0x0003_0c60), words(0, 6, 128, 0x43, NULL, 3, NULL, 0, 0)),
  joined(words(0x08, 0xb), uint32(0x0003_0472), words(0, 0xa, 0xb, 0x22, 0)),
];
const DERIVATION = 5;
const OWNERS = [HIERARCHY.owner, HIERARCHY.endorsement, HIERARCHY.platform] as const;

let twins: TwinTpms;
/** Answers of swtpm by code. */
let codes: Map<string, number>;

/** Sends a command to both and compares the answers: codes, or every byte. */
async function agreed(what: string, request: Request, isExact = false) {
  const { mine, theirs } = await twins.both(request);
  const key = `${what} ${theirs.code.toString(16)}`;
  codes.set(key, (codes.get(key) ?? 0) + 1);
  const isReviewed = theirs.code === FAILURE && (mine.code & 0xbf) === VALUE;
  if (!isReviewed) expect([what, mine.code]).toEqual([what, theirs.code]);
  if (isExact && !isReviewed) expect(toHex(mine.bytes)).toBe(toHex(theirs.bytes));
  return { mine, theirs, isAccepted: theirs.code === 0 };
}

async function flush(handle: number): Promise<void> {
  await twins.both({ code: TPM_CC.FlushContext, parameters: uint32(handle) });
}

/** Runs a step with a parent, the same one in both TPMs, and flushes what is left. */
async function withParent(index: number, step: (parent: number) => Promise<void>): Promise<void> {
  const parameters = joined(sized(words(0, 0)), sized(PARENTS[index]!), words(0), uint32(0));
  const handles = [OWNERS[index % OWNERS.length]!];
  const request = { code: TPM_CC.CreatePrimary, handles, passwords: EMPTY_AUTH, parameters };
  const { mine, isAccepted } = await agreed('CreatePrimary', request, true);
  expect(isAccepted).toBe(true);
  try {
    await step(mine.handle);
  } finally {
    for (const [slot, state] of twins.ours.state.volatile.slots.entries()) {
      if (state !== undefined) await flush(0x8000_0000 + slot);
    }
  }
}

/** Loads a private area in both, reads it and unseals it where it is sealed data. */
async function loadInBoth(
  parent: number,
  outPrivate: Uint8Array,
  outPublic: Uint8Array,
  auth: Uint8Array,
): Promise<void> {
  const parameters = joined(sized(outPrivate), sized(outPublic));
  const request = { code: TPM_CC.Load, handles: [parent], passwords: EMPTY_AUTH, parameters };
  const { mine, isAccepted } = await agreed('Load', request, true);
  if (!isAccepted) return;
  const handles = [mine.handle];
  await agreed('ReadPublic', { code: TPM_CC.ReadPublic, handles }, true);
  await agreed('Unseal', { code: TPM_CC.Unseal, handles, passwords: [auth] }, true);
  await flush(mine.handle);
}

const data = fc.oneof(
  fc.constant(NO_PASSWORD),
  fc.uint8Array({ maxLength: 128 }),
  fc.constantFrom(16, 32).map((length) => new Uint8Array(length).fill(7)),
);
const auth = fc.oneof(fc.constant(NO_PASSWORD), fc.uint8Array({ maxLength: 40 }));
const creation = fc.record({
  parent: fc.nat({ max: PARENTS.length - 1 }),
  template,
  auth,
  data,
  outsideInfo: fc.uint8Array({ maxLength: 67 }),
  pcrs: fc.array(fc.tuple(hashAlg, fc.uint8Array({ minLength: 3, maxLength: 3 })), {
    maxLength: 2,
  }),
});

const derivation = fc.record({
  label: fc.uint8Array({ maxLength: 34 }),
  context: fc.uint8Array({ maxLength: 33 }),
});
/** Templates of derived keys: ECC, HMAC and AES, right and wrong ones. */
const derived = fc
  .record({
    kind: fc.nat({ max: 2 }),
    nameAlg: hashAlg,
    attributes: fc.constantFrom(0x52, 0x52, 0x52, 0x12, 0x40, 0x72),
    hash: hashAlg,
    unique: derivation,
  })
  .map(({ kind, nameAlg, attributes, hash, unique }) => {
    const [type, parameters] = [
      [0x23, words(NULL, 0x18, hash, 3, NULL)],
      [0x08, words(5, hash)],
      [0x25, words(6, 128, 0x43)],
    ][kind] as [number, Uint8Array];
    const head = joined(words(type, nameAlg), uint32(0x0004_0000 | attributes), words(0));
    return joined(head, parameters, sized(unique.label), sized(unique.context));
  });

interface Import {
  readonly parent: number;
  readonly object: Areas;
  readonly auth: Uint8Array;
  /** Bits of the inner wrapper's key; the wrapper itself is missing. */
  readonly keyBits: number;
  readonly seedSize: number;
}
const imports: fc.Arbitrary<Import> = fc.record({
  parent: fc.nat({ max: PARENTS.length - 1 }),
  object: areas,
  auth: authValue,
  keyBits: fc.constantFrom(0, 0, 0, 128, 256),
  seedSize: fc.constantFrom(0, 0, 0, 70, 128),
});

function importRequest(
  parent: number,
  { object, auth: value, keyBits, seedSize }: Import,
): Request {
  const { type, seed, secret, area } = object;
  const sensitive = sized(joined(words(type), sized(value), sized(seed), sized(secret)));
  const cipher = keyBits === 0 ? words(NULL) : words(6, keyBits, 0x43);
  const key = sized(new Uint8Array(keyBits / 8));
  const encryptedSeed = sized(new Uint8Array(seedSize).fill(1));
  const parameters = joined(key, sized(area), sized(sensitive), encryptedSeed, cipher);
  return { code: TPM_CC.Import, handles: [parent], passwords: EMPTY_AUTH, parameters };
}

/** Policy of PolicyCommandCode(Duplicate). */
const POLICY = hashAlgorithm(0xb)!.digest(
  new Uint8Array(32),
  uint32(TPM_CC.PolicyCommandCode),
  uint32(TPM_CC.Duplicate),
);
const POLICY_SESSION = 0x0300_0000;
const FIRST_FREE = 0x8000_0002;

/** Creates sealed data that may leave its parent, and loads it in both. */
async function loadMovable(parent: number) {
  const head = joined(words(8, 0xb), uint32(0x40), sized(POLICY));
  const given = sized(joined(words(0), sized(Uint8Array.of(1, 2))));
  const parameters = joined(given, sized(joined(head, words(NULL, 0))), words(0), uint32(0));
  const request = { handles: [parent], passwords: EMPTY_AUTH };
  const { mine } = await agreed('Create', { ...request, code: TPM_CC.Create, parameters });
  const outPublic = mine.sized(1);
  const blob = joined(sized(mine.sized(0)), sized(outPublic));
  const loaded = await agreed('Load', { ...request, code: TPM_CC.Load, parameters: blob });
  return { handle: loaded.mine.handle, outPublic };
}

/** Duplicates an object for another parent, which both have in {@link FIRST_FREE} then. */
async function duplicates(handle: number, parent: number): Promise<readonly Answer[]> {
  const start = joined(sized(new Uint8Array(16)), words(0), Uint8Array.of(1), words(NULL, 0xb));
  const handles = [HIERARCHY.null, HIERARCHY.null];
  await agreed('session', { code: TPM_CC.StartAuthSession, handles, parameters: start });
  const policy = { code: TPM_CC.PolicyCommandCode, handles: [POLICY_SESSION] };
  await agreed('policy', { ...policy, parameters: uint32(TPM_CC.Duplicate) });
  const parameters = joined(sized(words(0, 0)), sized(PARENTS[parent]!), words(0), uint32(0));
  const create = { code: TPM_CC.CreatePrimary, handles: [HIERARCHY.owner], passwords: EMPTY_AUTH };
  const other = await agreed('CreatePrimary', { ...create, parameters }, true);
  expect(other.mine.handle).toBe(FIRST_FREE);
  const area = joined(uint32(POLICY_SESSION), words(0), Uint8Array.of(0), words(0));
  const body = joined(uint32(handle), uint32(FIRST_FREE), uint32(area.length), area);
  const rest = joined(uint32(TPM_CC.Duplicate), body, words(0, 6, 128, 0x43));
  const bytes = joined(words(0x8002), uint32(6 + rest.length), rest);
  const made = await agreed('Duplicate', { code: TPM_CC.Duplicate, bytes });
  expect(made.isAccepted).toBe(true);
  return [made.mine, made.theirs];
}

async function importInBoth(made: Answer, outPublic: Uint8Array): Promise<void> {
  const [key, duplicate, seed] = [made.sized(0), made.sized(1), made.sized(2)];
  const blob = joined(sized(key), sized(outPublic), sized(duplicate), sized(seed));
  const parameters = joined(blob, words(6, 128, 0x43));
  const request = { code: TPM_CC.Import, handles: [FIRST_FREE], passwords: EMPTY_AUTH };
  const imported = await agreed('Import', { ...request, parameters });
  expect(imported.isAccepted).toBe(true);
}

function changed(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at % bytes.length, bytes[at % bytes.length]! ^ 1);
}

describe('Objects of swtpm and of this TPM with the same seeds', () => {
  beforeAll(async () => {
    twins = await TwinTpms.start();
  });
  afterAll(() => twins.close());

  async function check<T>(values: fc.Arbitrary<T>, step: (value: T) => Promise<void>) {
    codes = new Map();
    await fc.assert(fc.asyncProperty(values, step), { numRuns: RUNS, seed: SEED });
    console.info([...codes].map(([code, count]) => `${code}: ${count}`).join(', '));
    expect(codes.size).toBeGreaterThan(5);
  }

  it('TPM2_Create answers as swtpm does, and each loads what the other made', async () => {
    await check(creation, (one) =>
      withParent(one.parent, async (parent) => {
        const sensitive = joined(sized(one.auth), sized(one.data));
        const pcrs = one.pcrs.map(([hash, pcr]) => joined(words(hash), Uint8Array.of(3, ...pcr)));
        const parameters = joined(
          joined(sized(sensitive), sized(one.template), sized(one.outsideInfo)),
          joined(uint32(one.pcrs.length), ...pcrs),
        );
        const handles = [parent];
        const request = { code: TPM_CC.Create, handles, passwords: EMPTY_AUTH, parameters };
        const { mine, theirs, isAccepted } = await agreed('Create', request);
        if (!isAccepted) return;
        for (const made of [mine, theirs]) {
          await loadInBoth(parent, made.sized(0), made.sized(1), one.auth);
        }
      }),
    );
  }, 600_000);

  it('TPM2_CreateLoaded makes every kind of object as swtpm does', async () => {
    const values = fc.record({ creation, derived, own: fc.option(derivation) });
    await check(values, ({ creation: one, derived: derivedTemplate, own }) =>
      withParent(one.parent, async (parent) => {
        const isDerived = one.parent === DERIVATION;
        const ownBytes = own ? joined(sized(own.label), sized(own.context)) : NO_PASSWORD;
        const given = sized(joined(sized(one.auth), sized(isDerived ? ownBytes : one.data)));
        const parameters = joined(given, sized(isDerived ? derivedTemplate : one.template));
        const code = TPM_CC.CreateLoaded;
        const request = { code, handles: [parent], passwords: EMPTY_AUTH, parameters };
        const made = await agreed(isDerived ? 'derived' : 'ordinary', request, isDerived);
        if (!made.isAccepted || isDerived) return;
        await flush(made.mine.handle);
        for (const answer of [made.mine, made.theirs]) {
          await loadInBoth(parent, answer.sized(0), answer.sized(1), one.auth);
        }
      }),
    );
  }, 600_000);

  it('TPM2_Import answers as swtpm does, and each loads what the other imported', async () => {
    await check(imports, (one) =>
      withParent(one.parent, async (parent) => {
        const made = await agreed('Import', importRequest(parent, one));
        if (!made.isAccepted) return;
        for (const answer of [made.mine, made.theirs]) {
          await loadInBoth(parent, answer.sized(0), one.object.area, one.auth);
        }
      }),
    );
  }, 600_000);

  it('TPM2_Load refuses changed areas as swtpm does', async () => {
    const values = fc.record({
      parent: fc.nat({ max: 3 }),
      part: fc.nat({ max: 3 }),
      at: fc.nat(),
    });
    await check(values, ({ parent: index, part, at }) =>
      withParent(index, async (parent) => {
        const area = joined(words(8, 0xb), uint32(0x40), words(0, NULL, 0));
        const given = sized(joined(words(0), sized(Uint8Array.of(1, 2))));
        const parameters = joined(given, sized(area), words(0), uint32(0));
        const request = { code: TPM_CC.Create, handles: [parent], passwords: EMPTY_AUTH };
        const { mine } = await agreed('Create', { ...request, parameters });
        const [outPrivate, outPublic] = [mine.sized(0), mine.sized(1)];
        if (part === 0) await loadInBoth(parent, changed(outPrivate, at), outPublic, NO_PASSWORD);
        if (part === 1) await loadInBoth(parent, outPrivate, changed(outPublic, at), NO_PASSWORD);
        const short = outPrivate.subarray(0, at % outPrivate.length);
        if (part === 2) await loadInBoth(parent, short, outPublic, NO_PASSWORD);
        if (part === 3) await loadInBoth(parent, outPrivate, outPublic, NO_PASSWORD);
      }),
    );
  }, 600_000);

  it('TPM2_ActivateCredential takes and refuses as swtpm does what either protected', async () => {
    const values = fc.record({
      key: fc.nat({ max: PARENTS.length - 1 }),
      size: fc.constantFrom(0, 1, 16, 32, 33, 64),
      part: fc.nat({ max: 4 }),
      at: fc.nat(),
    });
    await check(values, ({ key: index, size, part, at }) =>
      withParent(index, async (key) => {
        const { mine: read } = await agreed('ReadPublic', {
          code: TPM_CC.ReadPublic,
          handles: [key],
        });
        const parameters = joined(sized(new Uint8Array(size).fill(5)), sized(read.sized(1)));
        const make = { code: TPM_CC.MakeCredential, handles: [key], parameters };
        const made = await agreed('MakeCredential', make);
        if (!made.isAccepted) return;
        for (const answer of [made.mine, made.theirs]) await activate(answer, key, part, at);
      }),
    );
  }, 600_000);

  async function activate(made: Answer, key: number, part: number, at: number): Promise<void> {
    const [blob, secret] = [made.sized(0), made.sized(1)];
    const parts = [
      [blob, secret],
      [changed(blob, at), secret],
      [blob, changed(secret, at)],
      [blob.subarray(0, at % blob.length), secret],
      [blob, secret.subarray(0, at % secret.length)],
    ][part]!;
    await agreed(
      'ActivateCredential',
      {
        code: TPM_CC.ActivateCredential,
        handles: [key, key],
        passwords: [NO_PASSWORD, NO_PASSWORD],
        parameters: joined(...parts.map(sized)),
      },
      true,
    );
  }

  it('TPM2_Import takes what the other’s TPM2_Duplicate wrapped', async () => {
    const values = fc.record({
      parent: fc.constantFrom(0, 1, 2, 3),
      other: fc.constantFrom(0, 1, 2),
    });
    await check(values, ({ parent: index, other }) =>
      withParent(index, async (parent) => {
        const moved = await loadMovable(parent);
        for (const made of await duplicates(moved.handle, other)) {
          await importInBoth(made, moved.outPublic);
        }
      }),
    );
  }, 600_000);
});
