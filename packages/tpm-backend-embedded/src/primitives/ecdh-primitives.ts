import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { toBytes, toInteger } from '../crypto/big-integer.js';
import { type EllipticCurve, ellipticCurve, type EccPoint as Point } from '../crypto/ecc.js';
import { findObject } from '../entity.js';
import { hasAttribute } from '../objects/object-attributes.js';
import { atHandle, atParameter, type ResponseCode } from '../response-code.js';
import { curveOf, publicPointOf } from '../signing/object-keys.js';
import { TPM_ALG, TPM_ECC } from '../structures/algorithm-ids.js';
import { NO_SCHEME } from '../structures/algorithms.js';
import type { EccPoint } from '../structures/buffers.js';
import type { EccDetail } from '../structures/ecc-detail.js';
import type { Tpm } from '../tpm.js';

/** TPM2_ECDH_KeyGen (Part 3, section 14.4): an ephemeral key and what it shares with the key. */
export function ecdhKeyGen(
  tpm: Tpm,
  keyHandle: number,
): { readonly zPoint: EccPoint; readonly pubPoint: EccPoint } | ResponseCode {
  const area = findObject(tpm, keyHandle)?.publicArea;
  if (area?.type !== TPM_ALG.ECC) return atHandle(TPM_RC_FORMAT_ONE.KEY, 1);
  const point = publicPointOf(area);
  if (point === undefined) return atHandle(TPM_RC_FORMAT_ONE.KEY, 1);
  const curve = curveOf(area);
  const ephemeral = curve.randomScalar(tpm.random);
  return {
    zPoint: pointBytes(curve, curve.multiply(ephemeral, point)),
    pubPoint: pointBytes(curve, curve.multiply(ephemeral)),
  };
}

/** TPM2_ECDH_ZGen (Part 3, section 14.5): what the key shares with a point. */
export function ecdhZGen(
  tpm: Tpm,
  keyHandle: number,
  inPoint: EccPoint,
): { readonly outPoint: EccPoint } | ResponseCode {
  const object = findObject(tpm, keyHandle);
  const area = object?.publicArea;
  if (area?.type !== TPM_ALG.ECC) return atHandle(TPM_RC_FORMAT_ONE.KEY, 1);
  if (hasAttribute(area, 'restricted') || !hasAttribute(area, 'decrypt')) {
    return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  }
  const { scheme } = area.parameters.scheme;
  if (scheme !== TPM_ALG.NULL && scheme !== TPM_ALG.ECDH) {
    return atHandle(TPM_RC_FORMAT_ONE.SCHEME, 1);
  }
  const curve = curveOf(area);
  const point = { x: toInteger(inPoint.x), y: toInteger(inPoint.y) };
  if (!curve.isOnCurve(point)) return atParameter(TPM_RC_FORMAT_ONE.ECC_POINT, 1);
  const scalar = toInteger(object!.sensitive!.sensitive);
  return { outPoint: pointBytes(curve, curve.multiply(scalar, point)) };
}

/** Hash that libtpms names with a curve's key derivation function. */
const CURVE_HASH: Readonly<Record<number, number>> = {
  [TPM_ECC.NIST_P256]: TPM_ALG.SHA256,
  [TPM_ECC.NIST_P384]: TPM_ALG.SHA384,
  [TPM_ECC.NIST_P521]: TPM_ALG.SHA512,
};

/** TPM2_ECC_Parameters (Part 3, section 14.6). @param curveID an implemented curve */
export function curveDetail(curveID: number): EccDetail {
  const { bits, size, parameters } = ellipticCurve(curveID)!;
  const { p, a, b, gx, gy, n, h } = parameters;
  const bytes = (value: bigint): Uint8Array => toBytes(value, size);
  return {
    curveID,
    keySize: bits,
    kdf: { ...NO_SCHEME, scheme: TPM_ALG.KDF1_SP800_56A, hashAlg: CURVE_HASH[curveID]! },
    sign: NO_SCHEME,
    ...{ p: bytes(p), a: bytes(a), b: bytes(b), gX: bytes(gx), gY: bytes(gy), n: bytes(n) },
    h: toBytes(h, 1),
  };
}

function pointBytes({ size }: EllipticCurve, { x, y }: Point): EccPoint {
  return { x: toBytes(x, size), y: toBytes(y, size) };
}
