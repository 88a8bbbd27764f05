import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { clockInfo } from '../clock.js';
import { toInteger } from '../crypto/big-integer.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { kdfa } from '../crypto/kdf.js';
import { findObject } from '../entity.js';
import { handleName } from '../objects/object-name.js';
import { atHandle, atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import { signDigest } from '../signing/sign-digest.js';
import { isSigningKey, signingScheme } from '../signing/signing-scheme.js';
import type { ObjectState } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { NO_SCHEME, type Scheme } from '../structures/algorithms.js';
import { type AttestHead, TPMS_ATTEST_HEAD } from '../structures/attest.js';
import { TPM_RH } from '../structures/handles.js';
import type { Signature } from '../structures/signatures.js';
import { marshalled } from '../structures/wire-type.js';
import { CONTEXT_HASH } from '../tickets.js';
import type { Tpm } from '../tpm.js';

/** Who signs an attestation, and how. */
export interface Signer {
  /** Undefined of an attestation that isn't signed (TPM_RH_NULL). */
  readonly key: ObjectState | undefined;
  /** TPM_ALG_NULL without a key. */
  readonly scheme: Scheme;
}

/** An attestation as bytes, with its signature. */
export interface Attestation {
  readonly attest: Uint8Array;
  readonly signature: Signature;
}

/**
 * @param handle a signing key, or TPM_RH_NULL
 * @param handleNumber of `handle` in the command
 * @param inScheme the command's scheme; of no meaning without a key
 * @param schemeNumber of `inScheme` in the command
 * @returns who signs, or a code with a number
 */
export function findSigner(
  tpm: Tpm,
  [handle, handleNumber]: readonly [number, number],
  [inScheme, schemeNumber]: readonly [Scheme, number],
): Signer | ResponseCode {
  if (handle === TPM_RH.NULL) return { key: undefined, scheme: NO_SCHEME };
  const key = findObject(tpm, handle);
  if (key === undefined || !isSigningKey(key.publicArea)) {
    return atHandle(TPM_RC_FORMAT_ONE.KEY, handleNumber);
  }
  const scheme = signingScheme(key.publicArea, inScheme);
  return isRefusal(scheme) ? atParameter(scheme, schemeNumber) : { key, scheme };
}

/**
 * Makes and signs an attestation (Part 1, section 31; Part 3, section 18.1): who signs, what the
 * caller adds against replay, clock and firmware version, and what is attested.
 *
 * @param type `TPM_ST_STRUCTURE.ATTEST_*`
 * @param extraData qualifyingData of the command
 * @param attested the structure that goes with `type`, as bytes
 * @returns the attestation, or a code of `signDigest()`
 */
export function attest(
  tpm: Tpm,
  { key, scheme }: Signer,
  type: number,
  extraData: Uint8Array,
  attested: Uint8Array,
): Attestation | ResponseCode {
  const qualifiedSigner = key?.qualifiedName ?? handleName(TPM_RH.NULL);
  const head = marshalled(TPMS_ATTEST_HEAD, {
    type,
    qualifiedSigner,
    extraData,
    ...circumstances(tpm, key?.hierarchy ?? TPM_RH.NULL, qualifiedSigner),
  });
  const bytes = new Uint8Array(head.length + attested.length);
  bytes.set(head);
  bytes.set(attested, head.length);
  if (key === undefined) return { attest: bytes, signature: { sigAlg: TPM_ALG.NULL } };
  const digest = hashAlgorithm(scheme.hashAlg)!.digest(bytes);
  const signature = signDigest(key, scheme, digest, tpm.random);
  return isRefusal(signature) ? signature : { attest: bytes, signature };
}

/** @returns the two halves of the version as one number */
export function firmwareVersion({ identity }: Tpm): bigint {
  const [high, low] = identity.firmwareVersion;
  return (BigInt(high) << 32n) | BigInt(low);
}

/**
 * Clock and firmware version. For keys outside the endorsement and platform hierarchies counters and
 * version are shifted by secret amounts, the same for each attestation of a key, so that two keys
 * of one TPM can't be told to be that (Part 1, section 31.2). libtpms: takes the numbers from the
 * derived bytes with the lowest byte first.
 */
function circumstances(
  tpm: Tpm,
  hierarchy: number,
  qualifiedSigner: Uint8Array,
): Pick<AttestHead, 'clockInfo' | 'firmwareVersion'> {
  const info = { clockInfo: clockInfo(tpm), firmwareVersion: firmwareVersion(tpm) };
  if (hierarchy === TPM_RH.ENDORSEMENT || hierarchy === TPM_RH.PLATFORM) return info;
  const hash = hashAlgorithm(CONTEXT_HASH)!;
  const proof = tpm.state.permanent.storageProof;
  const bytes = kdfa(hash, proof, 'OBFUSCATE', qualifiedSigner, new Uint8Array(0), 128).reverse();
  const shift = (start: number, end: number): bigint => toInteger(bytes.subarray(start, end));
  const shifted32 = (value: number, amount: bigint): number =>
    Number(BigInt.asUintN(32, BigInt(value) + amount));
  return {
    clockInfo: {
      ...info.clockInfo,
      resetCount: shifted32(info.clockInfo.resetCount, shift(0, 4)),
      restartCount: shifted32(info.clockInfo.restartCount, shift(4, 8)),
    },
    firmwareVersion: BigInt.asUintN(64, info.firmwareVersion + shift(8, 16)),
  };
}
