import { toHex } from '@tpmdev/testing/scripted-backend';
import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import { hashAlgorithms } from '../crypto/hash.js';
import { emptyPolicy } from '../sessions/session-table.js';
import { SLOT_KIND, SLOT_STATE, type SlotState } from '../state/object-state.js';
import { SESSION_STATE, type SessionState } from '../state/session-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { NO_SCHEME } from '../structures/algorithms.js';
import { TPM_SE } from '../structures/constants.js';
import { type Context, TPMS_CONTEXT } from '../structures/contexts.js';
import { TPM_RH } from '../structures/handles.js';
import { LIMIT } from '../structures/limits.js';
import { marshalled, type WireType } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';
import { protectContext, SAVED_HANDLE, unprotectContext } from './context-blob.js';

const AES_256 = { algorithm: TPM_ALG.AES, keyBits: 256, mode: TPM_ALG.CFB };
const DIGEST = new Uint8Array(LIMIT.DIGEST).fill(0x64);
const NAME = new Uint8Array(2 + LIMIT.DIGEST).fill(0x6e);
const SECRET = new Uint8Array(LIMIT.RSA_KEY / 2).fill(0x73);

const LARGEST_KEY: SlotState = {
  kind: SLOT_KIND.OBJECT,
  object: {
    publicArea: {
      type: TPM_ALG.RSA,
      nameAlg: TPM_ALG.SHA512,
      objectAttributes: 0,
      authPolicy: DIGEST,
      parameters: { symmetric: AES_256, scheme: NO_SCHEME, keyBits: 3072, exponent: 0 },
      unique: new Uint8Array(LIMIT.RSA_KEY),
    },
    sensitive: {
      sensitiveType: TPM_ALG.RSA,
      authValue: DIGEST,
      seedValue: DIGEST,
      sensitive: SECRET,
    },
    name: NAME,
    qualifiedName: NAME,
    hierarchy: TPM_RH.OWNER,
    stClear: false,
    external: false,
  },
};

const LARGEST_SEQUENCE: SlotState = {
  kind: SLOT_KIND.SEQUENCE,
  sequence: {
    authValue: DIGEST,
    hashAlg: TPM_ALG.NULL,
    running: hashAlgorithms().map((hash) =>
      hash
        .start()
        .update(new Uint8Array(hash.blockSize - 1))
        .exportState(),
    ),
    isHmac: false,
    isTicketSafe: true,
  },
};

const LARGEST_SESSION: SessionState = {
  sessionType: TPM_SE.POLICY,
  authHash: TPM_ALG.SHA512,
  symmetric: AES_256,
  sessionKey: DIGEST,
  nonceTPM: DIGEST,
  boundEntity: new Uint8Array(1 + NAME.length + DIGEST.length),
  isDaBound: true,
  isLockoutBound: false,
  auditDigest: DIGEST,
  startTime: 0n,
  policy: {
    ...emptyPolicy(DIGEST.length),
    boundHash: DIGEST,
    pcrCounter: 1,
    timeout: 1n,
    nvWritten: true,
  },
};

const HEAD = { sequence: 5n, savedHandle: SAVED_HANDLE.ORDINARY, hierarchy: TPM_RH.OWNER };

function contextSize<T>(type: WireType<T>, state: T): number {
  return marshalled(TPMS_CONTEXT, protectContext(freshTpm(), HEAD, type, state)).length;
}

function protect(tpm: Tpm, head: Omit<Context, 'contextBlob'> = HEAD): Context {
  return protectContext(tpm, head, SLOT_STATE, LARGEST_KEY);
}

describe('protectContext()', () => {
  it('protectContext() makes contexts of the sizes that the TPM reports', () => {
    expect(contextSize(SLOT_STATE, LARGEST_KEY)).toBe(LIMIT.OBJECT_CONTEXT);
    expect(contextSize(SLOT_STATE, LARGEST_SEQUENCE)).toBeLessThan(LIMIT.OBJECT_CONTEXT);
    expect(contextSize(SESSION_STATE, LARGEST_SESSION)).toBe(LIMIT.SESSION_CONTEXT);
    expect(LIMIT.OBJECT_CONTEXT).toBeLessThan(LIMIT.CONTEXT_DATA);
  });

  it('protectContext() shows nothing of what it saves', () => {
    const blob = toHex(protect(freshTpm()).contextBlob);
    for (const part of [SECRET, NAME, DIGEST]) {
      expect(blob).not.toContain(toHex(part.subarray(0, 16)));
    }
  });

  it('protectContext() never uses a key twice: not for two contexts, not after a TPM Reset', () => {
    const tpm = freshTpm();
    const blobs = [
      protect(tpm),
      protect(tpm, { ...HEAD, sequence: 6n }),
      protect(tpm, { ...HEAD, savedHandle: SAVED_HANDLE.ST_CLEAR }),
    ];
    tpm.state.permanent.totalResetCount++;
    blobs.push(protect(tpm));
    const starts = blobs.map(({ contextBlob }) => toHex(contextBlob.slice(66, 82)));
    expect(new Set(starts).size).toBe(4);
  });
});

describe('unprotectContext()', () => {
  it('unprotectContext() gives back what was saved', () => {
    const tpm = freshTpm();
    expect(unprotectContext(tpm, protect(tpm), SLOT_STATE)).toEqual(LARGEST_KEY);
    const context = protectContext(tpm, HEAD, SESSION_STATE, LARGEST_SESSION);
    expect(unprotectContext(tpm, context, SESSION_STATE)).toEqual(LARGEST_SESSION);
  });

  it.each([
    ['sequence', { sequence: 6n }],
    ['savedHandle', { savedHandle: SAVED_HANDLE.SEQUENCE }],
    ['hierarchy', { hierarchy: TPM_RH.PLATFORM }],
  ])('unprotectContext() refuses another %s', (_field, change) => {
    const tpm = freshTpm();
    expect(unprotectContext(tpm, { ...protect(tpm), ...change }, SLOT_STATE)).toBe(
      TPM_RC_FORMAT_ONE.INTEGRITY,
    );
  });

  it('unprotectContext() refuses a state of another kind', () => {
    const tpm = freshTpm();
    const context = protectContext(tpm, HEAD, SESSION_STATE, LARGEST_SESSION);
    expect(unprotectContext(tpm, context, SLOT_STATE)).toBe(TPM_RC_FORMAT_ONE.INTEGRITY);
  });

  it.each([
    [0, TPM_RC_FORMAT_ONE.INSUFFICIENT],
    [1, TPM_RC_FORMAT_ONE.INSUFFICIENT],
    [65, TPM_RC_FORMAT_ONE.INSUFFICIENT],
    [66, TPM_RC_FORMAT_ONE.SIZE],
    [67, TPM_RC_FORMAT_ONE.INTEGRITY],
  ])('unprotectContext() refuses the first %i bytes of a blob', (length, code) => {
    const tpm = freshTpm();
    const context = protect(tpm);
    const contextBlob = context.contextBlob.slice(0, length);
    expect(unprotectContext(tpm, { ...context, contextBlob }, SLOT_STATE)).toBe(code);
  });
});
