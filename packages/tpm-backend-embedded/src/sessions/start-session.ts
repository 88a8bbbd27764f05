import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { hashAlgorithm } from '../crypto/hash.js';
import { kdfa } from '../crypto/kdf.js';
import { entityAuthValue, entityName, findObject, isDaProtected } from '../entity.js';
import { findNvIndex, isPin } from '../nv/nv-index.js';
import { atHandle, atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import type { SessionState } from '../state/session-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { SymmetricDefinition } from '../structures/algorithms.js';
import { TPM_SE } from '../structures/constants.js';
import { TPM_RH } from '../structures/handles.js';
import { TPMA_OBJECT } from '../structures/public-area.js';
import type { Tpm } from '../tpm.js';
import { recoverSecret } from './salt.js';
import { binding, joined } from './session-hmac.js';
import { addSession, emptyPolicy } from './session-table.js';

/** Shortest nonce of a caller in bytes. */
const LEAST_NONCE = 16;
const EMPTY: Uint8Array = new Uint8Array(0);

/** Decoded TPM2_StartAuthSession. */
export interface StartSessionInput {
  readonly tpmKey: number;
  readonly bind: number;
  readonly nonceCaller: Uint8Array;
  readonly encryptedSalt: Uint8Array;
  /** TPM_SE. */
  readonly sessionType: number;
  readonly symmetric: SymmetricDefinition;
  readonly authHash: number;
}

/** TPM2_StartAuthSession (TPM 2.0 Library, Part 3, section 11.1). */
export function startAuthSession(
  tpm: Tpm,
  input: StartSessionInput,
): { readonly responseHandle: number; readonly nonceTPM: Uint8Array } | ResponseCode {
  const { nonceCaller, symmetric, authHash } = input;
  const hash = hashAlgorithm(authHash)!;
  if (nonceCaller.length < LEAST_NONCE || nonceCaller.length > hash.digestSize) {
    return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
  }
  const salt = recoverSalt(tpm, input);
  if (isRefusal(salt)) return salt;
  const refusal = checkBinding(tpm, input.bind);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  if (symmetric.algorithm === TPM_ALG.AES && symmetric.mode !== TPM_ALG.CFB) {
    return atParameter(TPM_RC_FORMAT_ONE.MODE, 4);
  }
  const nonceTPM = tpm.random.generate(nonceCaller.length);
  const hasKey = input.tpmKey !== TPM_RH.NULL || input.bind !== TPM_RH.NULL;
  const secret = joined(entityAuthValue(tpm, input.bind), salt);
  const sessionKey = hasKey
    ? kdfa(hash, secret, 'ATH', nonceTPM, nonceCaller, 8 * hash.digestSize)
    : EMPTY;
  const added = addSession(tpm, newSession(tpm, input, sessionKey, nonceTPM));
  return isRefusal(added) ? added : { responseHandle: added.handle, nonceTPM };
}

function newSession(
  tpm: Tpm,
  { bind, sessionType, symmetric, authHash }: StartSessionInput,
  sessionKey: Uint8Array,
  nonceTPM: Uint8Array,
): SessionState {
  const isBound = bind !== TPM_RH.NULL;
  const isLockoutBound = bind === TPM_RH.LOCKOUT;
  return {
    sessionType,
    authHash,
    symmetric,
    sessionKey,
    nonceTPM,
    boundEntity:
      isBound && sessionType === TPM_SE.HMAC
        ? binding(entityName(tpm, bind), entityAuthValue(tpm, bind))
        : EMPTY,
    isDaBound: isBound && !isLockoutBound && isDaProtected(tpm, bind),
    isLockoutBound,
    auditDigest: undefined,
    startTime: tpm.state.volatile.time,
    policy: emptyPolicy(sessionType === TPM_SE.HMAC ? 0 : hashAlgorithm(authHash)!.digestSize),
  };
}

/** @returns the salt; empty without a key */
function recoverSalt(
  tpm: Tpm,
  { tpmKey, encryptedSalt }: StartSessionInput,
): Uint8Array | ResponseCode {
  if (tpmKey === TPM_RH.NULL) {
    return encryptedSalt.length > 0 ? atParameter(TPM_RC_FORMAT_ONE.VALUE, 2) : EMPTY;
  }
  const key = findObject(tpm, tpmKey);
  const type = key?.publicArea.type;
  if (key === undefined || (type !== TPM_ALG.RSA && type !== TPM_ALG.ECC)) {
    return atHandle(TPM_RC_FORMAT_ONE.KEY, 1);
  }
  if (key.sensitive === undefined) return atHandle(TPM_RC_FORMAT_ONE.HANDLE, 1);
  if (encryptedSalt.length === 0) return atParameter(TPM_RC_FORMAT_ONE.VALUE, 2);
  if ((key.publicArea.objectAttributes & TPMA_OBJECT.decrypt) === 0) {
    return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  }
  const salt = recoverSecret(key, 'SECRET\0', encryptedSalt);
  return isRefusal(salt) ? atParameter(TPM_RC_FORMAT_ONE.VALUE, 2) : salt;
}

/**
 * An object of which only the public area is loaded has no authValue to bind to, and that of a PIN
 * index would be used without being counted.
 */
function checkBinding(tpm: Tpm, bind: number): ResponseCode {
  const object = findObject(tpm, bind);
  const index = findNvIndex(tpm, bind);
  return (object !== undefined && object.sensitive === undefined) ||
    (index !== undefined && isPin(index))
    ? atHandle(TPM_RC_FORMAT_ONE.HANDLE, 2)
    : TPM_RC.SUCCESS;
}
