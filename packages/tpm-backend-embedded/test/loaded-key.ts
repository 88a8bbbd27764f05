import { hashAlgorithm } from '../src/crypto/hash.js';
import { objectName, qualifiedName } from '../src/objects/object-name.js';
import { occupySlot } from '../src/objects/object-slots.js';
import { SLOT_KIND } from '../src/state/object-state.js';
import { TPM_ALG, TPM_ECC } from '../src/structures/algorithm-ids.js';
import { NO_SCHEME, type Scheme } from '../src/structures/algorithms.js';
import { type PublicArea, TPMA_OBJECT } from '../src/structures/public-area.js';
import type { Tpm } from '../src/tpm.js';
import { P256, RSA_1024 } from './key-pairs.js';
import { HIERARCHY, uint32 } from './owned-objects.js';

const NO_SYMMETRIC = { algorithm: TPM_ALG.NULL, keyBits: 0, mode: TPM_ALG.NULL } as const;
const SEED = new Uint8Array(32);

/** Secret of the HMAC key and of the cipher key. */
export const SECRET: Uint8Array = Uint8Array.from({ length: 16 }, (_, index) => index);

/** What of a key a test chooses. */
export interface KeyOptions {
  /** Besides userWithAuth. */
  readonly attributes?: readonly (keyof typeof TPMA_OBJECT)[];
  readonly scheme?: Partial<Scheme>;
  /** Cipher mode of a cipher key; none unless given. */
  readonly mode?: number;
  readonly hierarchy?: number;
  /** Whether only the public area is loaded. */
  readonly isPublic?: boolean;
  readonly nameAlg?: number;
}

/** Puts a known key into a slot: RSA-1024, P-256, an HMAC or an AES-128 key. @returns its handle */
export function loadedKey(
  tpm: Tpm,
  type: 'rsa' | 'ecc' | 'hmac' | 'aes',
  options: KeyOptions = {},
): number {
  const { hierarchy = HIERARCHY.null, isPublic = false } = options;
  const { publicArea, secret } = keyAreas(type, options);
  const name = objectName(publicArea);
  const sensitive = {
    sensitiveType: publicArea.type,
    authValue: new Uint8Array(0),
    seedValue: type === 'hmac' || type === 'aes' ? SEED : new Uint8Array(0),
    sensitive: secret,
  };
  const object = {
    publicArea,
    sensitive: isPublic ? undefined : sensitive,
    name,
    qualifiedName: qualifiedName(publicArea.nameAlg, uint32(hierarchy), name),
    hierarchy,
    stClear: false,
    external: true,
  };
  return occupySlot(tpm, { kind: SLOT_KIND.OBJECT, object });
}

function keyAreas(
  type: 'rsa' | 'ecc' | 'hmac' | 'aes',
  { attributes = ['sign'], scheme = {}, mode = TPM_ALG.NULL, nameAlg = TPM_ALG.SHA256 }: KeyOptions,
): { readonly publicArea: PublicArea; readonly secret: Uint8Array } {
  const objectAttributes = attributes.reduce(
    (all, name) => all | TPMA_OBJECT[name],
    TPMA_OBJECT.userWithAuth as number,
  );
  const head = { nameAlg, objectAttributes, authPolicy: new Uint8Array(0) };
  const chosen: Scheme = { ...NO_SCHEME, ...scheme };
  const unique = hashAlgorithm(TPM_ALG.SHA256)!.digest(SEED, SECRET);
  switch (type) {
    case 'rsa': {
      const parameters = { symmetric: NO_SYMMETRIC, scheme: chosen, keyBits: 1024, exponent: 0 };
      return {
        publicArea: { type: TPM_ALG.RSA, ...head, parameters, unique: RSA_1024.modulus },
        secret: RSA_1024.prime,
      };
    }
    case 'ecc': {
      const curve = { curveID: TPM_ECC.NIST_P256, kdf: NO_SCHEME };
      const parameters = { symmetric: NO_SYMMETRIC, scheme: chosen, ...curve };
      return {
        publicArea: { type: TPM_ALG.ECC, ...head, parameters, unique: { x: P256.x, y: P256.y } },
        secret: P256.scalar,
      };
    }
    case 'hmac':
      return {
        publicArea: { type: TPM_ALG.KEYEDHASH, ...head, parameters: { scheme: chosen }, unique },
        secret: SECRET,
      };
    default: {
      const parameters = { symmetric: { algorithm: TPM_ALG.AES, keyBits: 128, mode } };
      return {
        publicArea: { type: TPM_ALG.SYMCIPHER, ...head, parameters, unique },
        secret: SECRET,
      };
    }
  }
}
