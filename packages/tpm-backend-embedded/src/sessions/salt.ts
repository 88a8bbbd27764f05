import { utf8ToBytes } from '@noble/hashes/utils.js';
import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { toBytes, toInteger } from '../crypto/big-integer.js';
import { ellipticCurve } from '../crypto/ecc.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { kdfe } from '../crypto/kdf.js';
import { rsaPrivateKey } from '../crypto/rsa.js';
import { oaepDecrypt } from '../crypto/rsa-schemes.js';
import type { ResponseCode } from '../response-code.js';
import type { ObjectState } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { TPMS_ECC_POINT } from '../structures/buffers.js';
import type { EccPublicArea, RsaPublicArea } from '../structures/public-area.js';
import { Unmarshaller } from '../structures/wire-type.js';

/** Public exponent that 0 stands for. */
const DEFAULT_EXPONENT = 65_537;

/**
 * Recovers a secret that somebody made for a key of this TPM (Part 1, annexes B.10.2 and C.6.3).
 *
 * @param label what it is for, with its zero byte: `"SECRET\\0"` for the salt of a session
 * @param secret RSA: OAEP cipher text; ECC: the ephemeral point, x and y each with a size
 * @returns the secret, at most as long as the digest of the key's nameAlg; TPM_RC_SIZE or
 *   TPM_RC_INSUFFICIENT for what has not the form of one, TPM_RC_ECC_POINT for a point beside the
 *   curve, TPM_RC_VALUE for what isn't for this key and purpose
 */
export function recoverSecret(
  { publicArea, sensitive }: ObjectState,
  label: string,
  secret: Uint8Array,
): Uint8Array | ResponseCode {
  return publicArea.type === TPM_ALG.RSA
    ? recoverByRsa(publicArea, sensitive!.sensitive, label, secret)
    : recoverByEcdh(publicArea as EccPublicArea, sensitive!.sensitive, label, secret);
}

function recoverByRsa(
  { nameAlg, unique, parameters }: RsaPublicArea,
  prime: Uint8Array,
  label: string,
  secret: Uint8Array,
): Uint8Array | ResponseCode {
  if (secret.length !== unique.length) return TPM_RC_FORMAT_ONE.SIZE;
  const hash = hashAlgorithm(nameAlg);
  const p = toInteger(prime);
  const exponent = BigInt(parameters.exponent || DEFAULT_EXPONENT);
  const key = rsaPrivateKey(p, toInteger(unique) / p, exponent);
  if (hash === undefined || key === undefined) return TPM_RC_FORMAT_ONE.VALUE;
  const found = oaepDecrypt(key, hash, utf8ToBytes(label), secret);
  return found !== undefined && found.length <= hash.digestSize ? found : TPM_RC_FORMAT_ONE.VALUE;
}

function recoverByEcdh(
  { nameAlg, unique, parameters }: EccPublicArea,
  scalar: Uint8Array,
  label: string,
  secret: Uint8Array,
): Uint8Array | ResponseCode {
  const reader = new Unmarshaller(secret);
  const ephemeral = TPMS_ECC_POINT.unmarshal(reader);
  const hash = hashAlgorithm(nameAlg);
  const curve = ellipticCurve(parameters.curveID);
  const point = { x: toInteger(ephemeral.x), y: toInteger(ephemeral.y) };
  if (reader.failure !== TPM_RC.SUCCESS) return reader.failure;
  if (hash === undefined || curve === undefined) return TPM_RC_FORMAT_ONE.VALUE;
  if (!curve.isOnCurve(point)) return TPM_RC_FORMAT_ONE.ECC_POINT;
  const z = toBytes(curve.multiply(toInteger(scalar), point).x, curve.size);
  return kdfe(hash, z, label, ephemeral.x, unique.x, 8 * hash.digestSize);
}
