import { TPM_CC, WireWriter } from 'tpm-core';
import { hashAlgorithm } from '../src/crypto/hash.js';
import { objectName, qualifiedName } from '../src/objects/object-name.js';
import { occupySlot } from '../src/objects/object-slots.js';
import { SLOT_KIND } from '../src/state/object-state.js';
import { TPM_ALG, TPM_ECC } from '../src/structures/algorithm-ids.js';
import { NO_SCHEME, type Scheme } from '../src/structures/algorithms.js';
import type { EccPoint } from '../src/structures/buffers.js';
import {
  type PublicArea,
  type SensitiveArea,
  TPM2B_PUBLIC_OR_NULL_NAME,
  TPM2B_SENSITIVE_OR_EMPTY,
  TPMA_OBJECT,
} from '../src/structures/public-area.js';
import { marshalled } from '../src/structures/wire-type.js';
import type { Tpm } from '../src/tpm.js';
import { P256, RSA_1024 } from './key-pairs.js';
import { HIERARCHY, uint32 } from './owned-objects.js';
import { commandBytes } from './password-command.js';

const NO_SYMMETRIC = { algorithm: TPM_ALG.NULL, keyBits: 0, mode: TPM_ALG.NULL } as const;
const SEED = new Uint8Array(32);

/** Secret of the HMAC key and of the cipher key. */
export const SECRET: Uint8Array = Uint8Array.from({ length: 16 }, (_, index) => index);

/** Types of the keys. */
export type KeyType = 'rsa' | 'ecc' | 'hmac' | 'aes';

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
  /** Public point of an ECC key; the right one unless given. */
  readonly point?: EccPoint;
}

/** Puts a known key into a slot: RSA-1024, P-256, an HMAC or an AES-128 key. @returns its handle */
export function loadedKey(tpm: Tpm, type: KeyType, options: KeyOptions = {}): number {
  const { hierarchy = HIERARCHY.null, isPublic = false } = options;
  const { publicArea, secret } = keyAreas(type, options);
  const name = objectName(publicArea);
  const sensitive = sensitiveArea(publicArea, secret);
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

function sensitiveArea({ type }: PublicArea, secret: Uint8Array): SensitiveArea {
  const isHashed = type === TPM_ALG.KEYEDHASH || type === TPM_ALG.SYMCIPHER;
  return {
    sensitiveType: type,
    authValue: new Uint8Array(0),
    seedValue: isHashed ? SEED : new Uint8Array(0),
    sensitive: secret,
  };
}

/** @returns TPM2_LoadExternal of the key that {@link loadedKey} puts into a slot */
export function loadCommand(type: KeyType, options: KeyOptions = {}): Uint8Array {
  const { hierarchy = HIERARCHY.null, isPublic = false } = options;
  const { publicArea, secret } = keyAreas(type, options);
  const sensitive = sensitiveArea(publicArea, secret);
  const parameters = new WireWriter()
    .bytes(marshalled(TPM2B_SENSITIVE_OR_EMPTY, isPublic ? undefined : sensitive))
    .bytes(marshalled(TPM2B_PUBLIC_OR_NULL_NAME, publicArea))
    .uint32(hierarchy)
    .finish();
  return commandBytes({ code: TPM_CC.LoadExternal, parameters });
}

function keyAreas(
  type: KeyType,
  options: KeyOptions,
): { readonly publicArea: PublicArea; readonly secret: Uint8Array } {
  const { attributes = ['sign'], scheme = {}, mode = TPM_ALG.NULL } = options;
  const { nameAlg = TPM_ALG.SHA256, point = { x: P256.x, y: P256.y } } = options;
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
        publicArea: { type: TPM_ALG.ECC, ...head, parameters, unique: point },
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
