// What a state must fulfil beyond the form of its fields, so that no command ever meets a TPM that
// could not have come about by commands. Each function tells the first defect as a phrase to follow
// "the state ".

import { bitLength, toInteger } from '../crypto/big-integer.js';
import { ellipticCurve } from '../crypto/ecc.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { RandomGenerator } from '../crypto/random-generator.js';
import { rsaPrivateKeyFromPrime } from '../crypto/rsa.js';
import { SEED_SIZE } from '../manufacture.js';
import { hasSizeOfType, hasSoundAttributes, isWritable } from '../nv/nv-definition.js';
import { fitsNvMemory } from '../nv/nv-memory.js';
import { SAVED_PCRS } from '../pcr/pcr-banks.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { HASHES } from '../structures/algorithms.js';
import { DIGEST_SIZE } from '../structures/buffers.js';
import { TPM_SE } from '../structures/constants.js';
import { LIMIT } from '../structures/limits.js';
import { TPMT_PUBLIC_OR_NULL_NAME } from '../structures/public-area.js';
import { marshalled } from '../structures/wire-type.js';
import type { NvIndexState } from './nv-state.js';
import { type ObjectState, type SequenceState, SLOT_KIND } from './object-state.js';
import { type EntityPolicy, ORDERLY, type PermanentState } from './permanent-state.js';
import type { ClearState, ResetState } from './saved-state.js';
import type { SessionState } from './session-state.js';
import type { StoredState, TpmSnapshot } from './tpm-state.js';
import type { VolatileState } from './volatile-state.js';

type Defect = string | undefined;

/** @returns the first defect that `check` finds */
function firstDefect<T>(values: Iterable<T>, check: (value: T) => Defect): Defect {
  for (const value of values) {
    const defect = check(value);
    if (defect !== undefined) return defect;
  }
  return undefined;
}

function hasRepetition(values: readonly unknown[]): boolean {
  return new Set(values).size < values.length;
}

/** @returns what is wrong with what a TPM keeps over power-off */
export function savedStateDefect({ permanent, saved }: StoredState): Defect {
  const defect = permanentDefect(permanent);
  if (defect !== undefined) return defect;
  if ((permanent.orderly === ORDERLY.STATE) !== (saved !== undefined)) {
    return 'says of its saved state what is not so';
  }
  return saved && (resetDefect(saved.reset) ?? clearDefect(saved.clear));
}

/**
 * @param snapshot the state
 * @param transientSlots slots of the TPM that is to go on from it
 * @returns what is wrong with the parts that a stored state doesn't have
 */
export function snapshotDefect(snapshot: TpmSnapshot, transientSlots: number): Defect {
  const { reset, clear, volatile, generator, uncounted } = snapshot;
  if (volatile.slots.length !== transientSlots) {
    return `has ${volatile.slots.length} transient slots, configured are ${transientSlots}`;
  }
  if (uncounted > BigInt(Number.MAX_SAFE_INTEGER)) return 'has a time that is out of range';
  if (RandomGenerator.importState(generator) === undefined) return 'has no random generator';
  return resetDefect(reset) ?? clearDefect(clear) ?? volatileDefect(volatile, reset);
}

function permanentDefect(permanent: PermanentState): Defect {
  const seeds = [
    permanent.endorsementSeed,
    permanent.storageSeed,
    permanent.platformSeed,
    permanent.endorsementProof,
    permanent.storageProof,
    permanent.platformProof,
  ];
  if (seeds.some((seed) => seed.length !== SEED_SIZE)) return 'has a seed of a wrong size';
  const { owner, endorsement, lockout, pcrAllocation, persistentObjects } = permanent;
  if (permanent.auditHashAlg === TPM_ALG.NULL) return 'has no hash for command audits';
  if (hasRepetition(pcrAllocation.map(({ hash }) => hash)) || pcrAllocation.length === 0) {
    return 'has PCR banks that no TPM has';
  }
  if (hasRepetition(persistentObjects.map(({ handle }) => handle))) {
    return 'has two objects under one persistent handle';
  }
  return (
    firstDefect([owner, endorsement, lockout, permanent.pcrPolicy], authorizationDefect) ??
    firstDefect(persistentObjects, ({ object }) => objectDefect(object)) ??
    nvDefect(permanent)
  );
}

function nvDefect(permanent: PermanentState): Defect {
  const handles = permanent.nvIndexes.map(({ publicArea }) => publicArea.nvIndex);
  if (handles.some((handle, at) => at > 0 && handle <= handles[at - 1]!)) {
    return 'has NV indexes out of order';
  }
  if (!fitsNvMemory(permanent)) return 'has more in NV than there is room for';
  return firstDefect(permanent.nvIndexes, nvIndexDefect);
}

function nvIndexDefect({ publicArea, authValue, data }: NvIndexState): Defect {
  const digestSize = DIGEST_SIZE[publicArea.nameAlg]!;
  const isSound =
    data.length === publicArea.dataSize &&
    authValue.length <= digestSize &&
    [0, digestSize].includes(publicArea.authPolicy.length) &&
    hasSizeOfType(publicArea) &&
    isWritable(publicArea) &&
    hasSoundAttributes(publicArea);
  return isSound ? undefined : 'has an NV index that cannot be defined';
}

function resetDefect(reset: ResetState): Defect {
  if (reset.nullSeed.length !== SEED_SIZE || reset.nullProof.length !== SEED_SIZE) {
    return 'has a seed of a wrong size';
  }
  const { savedSessions, commandAuditDigest } = reset;
  if (![0, ...Object.values(DIGEST_SIZE)].includes(commandAuditDigest.length)) {
    return 'has a command audit digest of a wrong size';
  }
  return placesDefect(savedSessions);
}

/** Loaded and saved sessions share one table. */
function placesDefect(sessions: readonly { readonly slot: number }[]): Defect {
  const places = sessions.map(({ slot }) => slot);
  if (places.some((slot) => slot >= LIMIT.ACTIVE_SESSIONS)) return 'has a session without a place';
  return hasRepetition(places) ? 'has two sessions at one place' : undefined;
}

function clearDefect(clear: ClearState): Defect {
  if (clear.pcrAuthValues.length !== 3) return 'has authorization values for other PCR';
  const isBankList = clear.savedPcrs.every(({ length }, index) =>
    [0, SAVED_PCRS * DIGEST_SIZE[HASHES[index]!]!].includes(length),
  );
  if (!isBankList || ![0, HASHES.length].includes(clear.savedPcrs.length)) {
    return 'has saved PCR of a wrong size';
  }
  if (clear.startupLocality > 4) return `was started at locality ${clear.startupLocality}`;
  return authorizationDefect(clear.platform);
}

function authorizationDefect({ authPolicy, policyAlg }: EntityPolicy): Defect {
  const size = policyAlg === TPM_ALG.NULL ? 0 : DIGEST_SIZE[policyAlg];
  return authPolicy.length === size ? undefined : 'has a policy of another size than its hash';
}

/** @returns what is wrong with an object */
export function objectDefect(object: ObjectState): Defect {
  const { publicArea, sensitive, name } = object;
  if (sensitive !== undefined && sensitive.sensitiveType !== publicArea.type) {
    return 'has an object whose public and sensitive areas are of different types';
  }
  if (!isSoundKey(object)) return 'has an object whose key is none';
  const hash = hashAlgorithm(publicArea.nameAlg);
  const expected =
    hash === undefined ? undefined : hash.digest(marshalled(TPMT_PUBLIC_OR_NULL_NAME, publicArea));
  const found = name.subarray(2);
  const isNamed =
    expected === undefined
      ? name.length === 0
      : name.length === 2 + expected.length && expected.every((byte, at) => byte === found[at]);
  return isNamed ? undefined : 'has an object that is not the one of its Name';
}

function isSoundKey({ publicArea, sensitive }: ObjectState): boolean {
  if (publicArea.type === TPM_ALG.RSA) {
    const { keyBits, exponent } = publicArea.parameters;
    const modulus = toInteger(publicArea.unique);
    if (publicArea.unique.length !== keyBits / 8 || bitLength(modulus) !== keyBits) return false;
    if (sensitive === undefined) return true;
    const prime = toInteger(sensitive.sensitive);
    return rsaPrivateKeyFromPrime(modulus, BigInt(exponent || 65_537), prime) !== undefined;
  }
  if (publicArea.type === TPM_ALG.ECC) {
    const curve = ellipticCurve(publicArea.parameters.curveID)!;
    const { x, y } = publicArea.unique;
    // The point of a key without a Name is never looked at.
    const isPoint = curve.isOnCurve({ x: toInteger(x), y: toInteger(y) });
    return (
      (isPoint || publicArea.nameAlg === TPM_ALG.NULL) &&
      (sensitive === undefined || curve.isScalar(toInteger(sensitive.sensitive)))
    );
  }
  return true;
}

function volatileDefect(volatile: VolatileState, reset: ResetState): Defect {
  const { pcrBanks, hashSequence, hcrtmDigests, sessions, slots } = volatile;
  if (hasRepetition(pcrBanks.map(({ hashAlg }) => hashAlg))) return 'has a PCR bank twice';
  for (const { hashAlg, values } of pcrBanks) {
    if (values.length !== LIMIT.PCR * (DIGEST_SIZE[hashAlg] ?? Number.NaN)) {
      return 'has a PCR bank of a wrong size';
    }
  }
  const isDigestList = hcrtmDigests.every(
    (digest, index) => digest.length === DIGEST_SIZE[HASHES[index]!],
  );
  if (!isDigestList || ![0, HASHES.length].includes(hcrtmDigests.length)) {
    return 'has an H-CRTM measurement of a wrong size';
  }
  if (hashSequence !== undefined && !areRunning(hashSequence, HASHES)) {
    return 'has a hash sequence that cannot go on';
  }
  if (sessions.length > LIMIT.LOADED_SESSIONS) return 'has more sessions than there is room for';
  return (
    placesDefect([...sessions, ...reset.savedSessions]) ??
    firstDefect(sessions, ({ session }) => sessionDefect(session)) ??
    firstDefect(slots, (slot) => {
      if (slot === undefined) return undefined;
      return slot.kind === SLOT_KIND.OBJECT
        ? objectDefect(slot.object)
        : sequenceDefect(slot.sequence);
    })
  );
}

function sessionDefect(session: SessionState): Defect {
  const size = DIGEST_SIZE[session.authHash]!;
  const { auditDigest, sessionKey, nonceTPM } = session;
  const isSound =
    (sessionKey.length === 0 || sessionKey.length === size) &&
    nonceTPM.length <= size &&
    (auditDigest === undefined || auditDigest.length === size) &&
    policyIsSound(session, size);
  return isSound ? undefined : 'has a session with sizes that its hash has not';
}

function policyIsSound({ sessionType, policy }: SessionState, size: number): boolean {
  const { policyDigest, boundHash, boundHashKind } = policy;
  // A trial session takes a cpHash of any size over from PolicySecret.
  const sizes = sessionType === TPM_SE.TRIAL && boundHash.length > 0 ? boundHash.length : size;
  return (
    [0, size].includes(policyDigest.length) &&
    boundHash.length === (boundHashKind === 0 ? 0 : sizes) &&
    boundHashKind <= 7
  );
}

function sequenceDefect({ hashAlg, running, isHmac }: SequenceState): Defect {
  const isEvent = hashAlg === TPM_ALG.NULL;
  const hashes = isEvent ? HASHES : [hashAlg];
  const isSound =
    isHmac && !isEvent
      ? running.length === 1 && hashAlgorithm(hashAlg)!.importHmacState(running[0]!) !== undefined
      : !isHmac && areRunning(running, hashes);
  return isSound ? undefined : 'has a sequence that cannot go on';
}

function areRunning(states: readonly Uint8Array[], hashes: readonly number[]): boolean {
  return (
    states.length === hashes.length &&
    hashes.every((hash, at) => hashAlgorithm(hash)!.importState(states[at]!) !== undefined)
  );
}
