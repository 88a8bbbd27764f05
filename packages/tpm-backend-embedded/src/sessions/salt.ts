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
 * @returns the secret, at most as long as the digest of the key's nameAlg; TPM_RC_VALUE for
 *   anything else
 */
export function recoverSecret(
  { publicArea, sensitive }: ObjectState,
  label: string,
  secret: Uint8Array,
): Uint8Array | ResponseCode {
  const found =
    publicArea.type === TPM_ALG.RSA
      ? recoverByRsa(publicArea, sensitive!.sensitive, label, secret)
      : recoverByEcdh(publicArea as EccPublicArea, sensitive!.sensitive, label, secret);
  return found ?? TPM_RC_FORMAT_ONE.VALUE;
}

function recoverByRsa(
  { nameAlg, unique, parameters }: RsaPublicArea,
  prime: Uint8Array,
  label: string,
  secret: Uint8Array,
): Uint8Array | undefined {
  const hash = hashAlgorithm(nameAlg);
  const p = toInteger(prime);
  const exponent = BigInt(parameters.exponent || DEFAULT_EXPONENT);
  const key = rsaPrivateKey(p, toInteger(unique) / p, exponent);
  if (hash === undefined || key === undefined) return undefined;
  const found = oaepDecrypt(key, hash, utf8ToBytes(label), secret);
  return found !== undefined && found.length <= hash.digestSize ? found : undefined;
}

function recoverByEcdh(
  { nameAlg, unique, parameters }: EccPublicArea,
  scalar: Uint8Array,
  label: string,
  secret: Uint8Array,
): Uint8Array | undefined {
  const reader = new Unmarshaller(secret);
  const ephemeral = TPMS_ECC_POINT.unmarshal(reader);
  const hash = hashAlgorithm(nameAlg);
  const curve = ellipticCurve(parameters.curveID);
  const point = { x: toInteger(ephemeral.x), y: toInteger(ephemeral.y) };
  if (reader.failure !== TPM_RC.SUCCESS || hash === undefined || curve === undefined) {
    return undefined;
  }
  if (!curve.isOnCurve(point)) return undefined;
  const z = toBytes(curve.multiply(toInteger(scalar), point).x, curve.size);
  return kdfe(hash, z, label, ephemeral.x, unique.x, 8 * hash.digestSize);
}
