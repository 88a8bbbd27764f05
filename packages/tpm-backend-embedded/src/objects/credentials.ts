import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { findObject } from '../entity.js';
import { atHandle, atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import { recoverSecret } from '../sessions/salt.js';
import type { ObjectState } from '../state/object-state.js';
import { DIGEST_SIZE, TPM2B_DIGEST } from '../structures/buffers.js';
import { marshalled, Unmarshaller } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';
import { isAsymmetric, isParent } from './object-attributes.js';
import { unwrap, wrap, wrappingOf } from './protection.js';
import { makeSecret } from './secret-exchange.js';

const LABEL = 'IDENTITY\0';

/** @returns the asymmetric storage key behind a handle, or a code without a number */
function findCredentialKey(tpm: Tpm, handle: number): ObjectState | ResponseCode {
  const key = findObject(tpm, handle);
  return key !== undefined && isAsymmetric(key.publicArea) && isParent(key.publicArea)
    ? key
    : TPM_RC_FORMAT_ONE.TYPE;
}

/** A protected credential. */
export interface Credential {
  readonly credentialBlob: Uint8Array;
  readonly secret: Uint8Array;
}

/**
 * Protects a credential so that only the TPM with a storage key gets it, and only while it has the
 * object of that Name loaded (Part 3, section 12.6).
 */
export function makeCredential(
  tpm: Tpm,
  handle: number,
  credential: Uint8Array,
  objectName: Uint8Array,
): Credential | ResponseCode {
  const key = findCredentialKey(tpm, handle);
  if (isRefusal(key)) return atHandle(key, 1);
  if (credential.length > (DIGEST_SIZE[key.publicArea.nameAlg] ?? 0)) {
    return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
  }
  const made = makeSecret(tpm.random, key.publicArea, LABEL);
  if (isRefusal(made)) return atHandle(made, 1);
  const wrapping = wrappingOf(key, objectName, made.seed);
  return {
    credentialBlob: wrap(wrapping, marshalled(TPM2B_DIGEST, credential)),
    secret: made.secret,
  };
}

/** Handles and parameters of TPM2_ActivateCredential. */
export interface ActivateCredentialInput extends Credential {
  readonly activateHandle: number;
  readonly keyHandle: number;
}

/** Hands a credential out (Part 3, section 12.5). */
export function activateCredential(
  tpm: Tpm,
  { activateHandle, keyHandle, credentialBlob, secret }: ActivateCredentialInput,
): { readonly certInfo: Uint8Array } | ResponseCode {
  const object = findObject(tpm, activateHandle);
  const key = findCredentialKey(tpm, keyHandle);
  if (isRefusal(key)) return atHandle(key, 2);
  const seed = recoverSecret(key, LABEL, secret);
  if (isRefusal(seed)) return atParameter(seed, 2);
  const wrapping = wrappingOf(key, object?.name ?? new Uint8Array(0), seed);
  const bytes = unwrap(wrapping, credentialBlob, false);
  if (isRefusal(bytes)) return atParameter(bytes, 1);
  const reader = new Unmarshaller(bytes);
  const certInfo = TPM2B_DIGEST.unmarshal(reader);
  if (reader.failure !== TPM_RC.SUCCESS) return atParameter(reader.failure, 1);
  return reader.remaining > 0 ? atParameter(TPM_RC_FORMAT_ONE.SIZE, 1) : { certInfo };
}
