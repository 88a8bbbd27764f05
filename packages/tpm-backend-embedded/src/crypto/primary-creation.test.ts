import { concatBytes, equalBytes, hexToBytes } from '@noble/curves/utils.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { WireReader, WireWriter } from 'tpm-core';
import { describe, expect, test } from 'vitest';
import recording from '../../fixtures/primaries-libtpms092.json' with { type: 'json' };
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { toBytes } from './big-integer.js';
import { DerivedSource } from './derived-source.js';
import { ellipticCurve } from './ecc.js';
import { hashAlgorithm } from './hash.js';
import { kdfa } from './kdf.js';
import {
  type CreatedSecret,
  createSecret,
  primaryGenerator,
  reseedWithProofs,
  type SecretKind,
  uniqueOfSecret,
} from './primary-creation.js';
import { aesDecrypt } from './symmetric.js';

type Recorded = (typeof recording.primaries)[number];

const SIGN_ATTRIBUTE = 1 << 18;
const DECRYPT_ATTRIBUTE = 1 << 17;
const RESTRICTED_ATTRIBUTE = 1 << 16;
const EMPTY = new Uint8Array(0);

/** What the tests need of TPMT_PUBLIC (Part 2, 12.2.4). */
interface Template {
  readonly nameAlgorithm: number;
  readonly isParent: boolean;
  readonly kind: SecretKind;
  /** Everything before `unique`, in the public area with defaults filled in. */
  readonly size: number;
}

function schemeHash(reader: WireReader): number | undefined {
  const scheme = reader.uint16();
  if (scheme === TPM_ALG.NULL) return undefined;
  const hash = reader.uint16();
  if (scheme === TPM_ALG.XOR) reader.uint16();
  return hash;
}

function symmetricKeySize(reader: WireReader): number {
  if (reader.uint16() === TPM_ALG.NULL) return 0;
  const bits = reader.uint16();
  reader.uint16();
  return bits / 8;
}

function readKind(type: number, nameAlgorithm: number, reader: WireReader, data: Uint8Array) {
  const given = data.length === 0 ? {} : { given: data };
  if (type === TPM_ALG.KEYEDHASH) {
    const hash = hashAlgorithm(schemeHash(reader) ?? nameAlgorithm)!;
    return { type: 'bytes', size: hash.digestSize, ...given } as const;
  }
  const size = symmetricKeySize(reader);
  if (type === TPM_ALG.SYMCIPHER) return { type: 'bytes', size, ...given } as const;
  schemeHash(reader);
  if (type === TPM_ALG.RSA) {
    const bits = reader.uint16();
    return { type: 'rsa', bits, exponent: BigInt(reader.uint32() || 65_537) } as const;
  }
  const curve = ellipticCurve(reader.uint16())!;
  reader.uint16();
  return { type: 'ecc', curve } as const;
}

function readTemplate(bytes: Uint8Array, data: Uint8Array): Template {
  const reader = new WireReader(bytes);
  const type = reader.uint16();
  const nameAlgorithm = reader.uint16();
  const attributes = reader.uint32();
  reader.bytes(reader.uint16());
  const kind = readKind(type, nameAlgorithm, reader, data);
  const isParent =
    (attributes & RESTRICTED_ATTRIBUTE) !== 0 &&
    (attributes & DECRYPT_ATTRIBUTE) !== 0 &&
    (attributes & SIGN_ATTRIBUTE) === 0;
  return { nameAlgorithm, isParent, kind, size: reader.offset };
}

function create(recorded: Pick<Recorded, 'hierarchy' | 'template' | 'data'>): {
  template: Template;
  created: CreatedSecret;
} {
  const bytes = hexToBytes(recorded.template);
  const data = hexToBytes(recorded.data);
  const template = readTemplate(bytes, data);
  const hash = hashAlgorithm(template.nameAlgorithm)!;
  const hierarchy = recorded.hierarchy as keyof typeof recording.seeds;
  const generator = primaryGenerator(
    hexToBytes(recording.seeds[hierarchy]),
    concatBytes(bytes.subarray(2, 4), hash.digest(bytes)),
    data,
  );
  const { storage, endorsement } = recording.proofs;
  const steps = createSecret(generator, template.kind, {
    size: hash.digestSize,
    before: () => {
      if (hierarchy !== 'endorsement') return;
      reseedWithProofs(generator, hexToBytes(storage), hexToBytes(endorsement));
    },
  });
  for (;;) {
    const step = steps.next();
    if (step.done) return { template, created: step.value };
  }
}

function unique(template: Template, { secret, seedValue }: CreatedSecret): Uint8Array {
  const writer = new WireWriter();
  const sized = (bytes: Uint8Array) => writer.uint16(bytes.length).bytes(bytes);
  if (secret.type === 'rsa') {
    sized(toBytes(secret.key.modulus, secret.key.size));
  } else if (secret.type === 'ecc' && template.kind.type === 'ecc') {
    sized(toBytes(secret.point.x, template.kind.curve.size));
    sized(toBytes(secret.point.y, template.kind.curve.size));
  } else if (secret.type === 'bytes') {
    const hash = hashAlgorithm(template.nameAlgorithm)!;
    sized(uniqueOfSecret(hash, seedValue, secret.bytes, template.isParent));
  }
  return writer.finish();
}

describe('createSecret()', () => {
  test('the recording holds primaries of three hierarchies', () => {
    expect(recording.primaries.length).toBe(43);
    expect(new Set(recording.primaries.map(({ hierarchy }) => hierarchy)).size).toBe(3);
  });

  test.each(recording.primaries.map((recorded) => [recorded.name, recorded] as const))(
    'makes the primary that libtpms 0.9.2 makes of the same seed: %s',
    (_name, recorded) => {
      const { template, created } = create(recorded);
      const expected = concatBytes(
        hexToBytes(recorded.template).subarray(0, template.size),
        unique(template, created),
      );
      expect(expected).toEqual(hexToBytes(recorded.public));
    },
  );

  test.each(recording.children)(
    'makes the seedValue under which libtpms 0.9.2 wrapped a child: $name',
    ({ parent, private: blob, name }) => {
      const { created } = create(recording.primaries[parent]!);
      const hash = hashAlgorithm(TPM_ALG.SHA256)!;
      const reader = new WireReader(hexToBytes(blob));
      const integrity = reader.bytes(reader.uint16());
      const wrapped = reader.bytes(reader.remaining);
      const iv = wrapped.subarray(2, 18);

      const { seedValue } = created;
      const hmacKey = kdfa(hash, seedValue, 'INTEGRITY', EMPTY, EMPTY, 256);
      expect(hash.hmac(hmacKey, wrapped, hexToBytes(name))).toEqual(integrity);
      const key = kdfa(hash, seedValue, 'STORAGE', hexToBytes(name), EMPTY, 128);
      const plain = new WireReader(aesDecrypt(TPM_ALG.CFB, key, iv, wrapped.subarray(18)).data);
      expect(plain.uint16()).toBe(plain.remaining);
    },
  );

  test.each(recording.derived)(
    'makes the derived object that libtpms 0.9.2 makes: $template under $parent, $hierarchy',
    ({ hierarchy, parent, template: derived, public: expected }) => {
      const hash = hashAlgorithm(hexToBytes(parent)[13]!)!;
      const { secret } = create({ hierarchy, template: parent, data: '' }).created;
      const secretBytes = secret.type === 'bytes' ? secret.bytes : EMPTY;
      const source = new DerivedSource(
        hash,
        secretBytes,
        utf8ToBytes('label'),
        utf8ToBytes('context'),
      );

      const template = readTemplate(hexToBytes(derived), EMPTY);
      const size = hashAlgorithm(template.nameAlgorithm)!.digestSize;
      const { value } = createSecret(source, template.kind, { size }).next();
      const created = concatBytes(hexToBytes(derived), unique(template, value as CreatedSecret));
      expect(created).toEqual(hexToBytes(expected));
    },
  );

  test('stops between candidates when the caller stops', () => {
    const generator = primaryGenerator(EMPTY, EMPTY, EMPTY);
    const steps = createSecret(
      generator,
      { type: 'rsa', bits: 2_048, exponent: 65_537n },
      { size: 32 },
    );
    expect(steps.next().done).toBe(false);
    steps.return({ secret: { type: 'bytes', bytes: EMPTY }, seedValue: EMPTY });
    expect(steps.next().done).toBe(true);
  });

  test('takes the caller’s secret in place of random bytes', () => {
    const given = Uint8Array.of(1, 2, 3);
    const steps = createSecret(
      primaryGenerator(EMPTY, EMPTY, given),
      { type: 'bytes', size: 32, given },
      { size: 0 },
    );
    const { value } = steps.next();
    expect(value).toEqual({ secret: { type: 'bytes', bytes: given }, seedValue: EMPTY });
    expect(equalBytes(given, Uint8Array.of(1, 2, 3))).toBe(true);
  });
});
