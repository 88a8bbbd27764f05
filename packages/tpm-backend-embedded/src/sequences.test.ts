import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { fromHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import { readUint32, TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../test/fresh-tpm.js';
import { readPcr, SHA256, startUp } from '../test/measurement-commands.js';
import {
  completeSequence,
  endEventSequence,
  eventDigests,
  hashTicket,
  startHashSequence,
  startHmacSequence,
  updateSequence,
} from './sequences.js';
import { TPM_ALG } from './structures/algorithm-ids.js';
import { TPM_RH } from './structures/handles.js';
import type { Tpm } from './tpm.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() % 2 ** 31);
console.log(`TPMDEV_SEED=${SEED}`);

const NOTHING = new Uint8Array(0);
const GENERATED = fromHex('ff544347');

function startedTpm(): Tpm {
  const tpm = freshTpm();
  startUp(tpm);
  return tpm;
}

function handleOf(result: { readonly responseHandle: number } | number): number {
  if (typeof result === 'number') throw new Error(`Refused with 0x${result.toString(16)}`);
  return result.responseHandle;
}

/** Hashes blocks in a sequence. @returns digest and ticket */
function hashed(
  tpm: Tpm,
  blocks: readonly Uint8Array[],
  hashAlg = SHA256,
  hierarchy: number = TPM_RH.OWNER,
): Exclude<ReturnType<typeof completeSequence>, number> {
  const handle = handleOf(startHashSequence(tpm, NOTHING, hashAlg));
  for (const block of blocks.slice(0, -1)) updateSequence(tpm, handle, block);
  const result = completeSequence(tpm, handle, blocks.at(-1)!, hierarchy);
  if (typeof result === 'number') throw new Error(`Refused with 0x${result.toString(16)}`);
  return result;
}

describe('completeSequence()', () => {
  it('completeSequence() gives the hash of all blocks, however they are cut', () => {
    const tpm = startedTpm();
    const hashes = [
      [TPM_ALG.SHA1, sha1],
      [TPM_ALG.SHA256, sha256],
      [TPM_ALG.SHA384, sha384],
      [TPM_ALG.SHA512, sha512],
    ] as const;
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 }),
        fc.constantFrom(...hashes),
        (blocks, [id, hash]) => {
          expect(hashed(tpm, blocks, id).result).toEqual(hash(concatBytes(...blocks)));
        },
      ),
      { seed: SEED, numRuns: 60 },
    );
    expect(tpm.state.volatile.slots.every((slot) => slot === undefined)).toBe(true);
  });

  it('completeSequence() of an HMAC sequence gives the HMAC and never a ticket', () => {
    const tpm = startedTpm();
    const key = utf8ToBytes('key');
    const handle = handleOf(startHmacSequence(tpm, NOTHING, SHA256, key));
    updateSequence(tpm, handle, utf8ToBytes('long enough, '));
    const result = completeSequence(tpm, handle, utf8ToBytes('the end'), TPM_RH.OWNER);
    expect(result).toMatchObject({
      result: hmac(sha256, key, utf8ToBytes('long enough, the end')),
      validation: { hierarchy: TPM_RH.NULL, digest: NOTHING },
    });
  });

  it.each([
    ['a first block of four bytes', ['61626364'], true],
    ['a first block of four bytes and an empty end', ['61626364', ''], true],
    ['a first block of three bytes', ['616263', '64656667'], false],
    ['an empty first block', ['', '6162636465'], false],
    ['nothing', [''], false],
    ['TPM_GENERATED_VALUE', ['ff544347'], false],
    ['TPM_GENERATED_VALUE in the first block', ['ff54434761', '62'], false],
    ['TPM_GENERATED_VALUE later', ['61626364', 'ff544347'], true],
  ])(
    'completeSequence() after %s: a ticket or a null ticket, as libtpms',
    (_what, blocks, isSafe) => {
      const { validation } = hashed(startedTpm(), blocks.map(fromHex));
      expect(validation.hierarchy).toBe(isSafe ? TPM_RH.OWNER : TPM_RH.NULL);
      expect(validation.digest).toHaveLength(isSafe ? 64 : 0);
    },
  );

  it('completeSequence() makes the ticket that TPM2_Hash makes', () => {
    const tpm = startedTpm();
    const data = utf8ToBytes('some data');
    const { result, validation } = hashed(tpm, [data]);
    expect(validation).toEqual(hashTicket(tpm, TPM_RH.OWNER, SHA256, data, result));
    const other = hashTicket(tpm, TPM_RH.ENDORSEMENT, SHA256, data, result);
    expect(other.digest).not.toEqual(validation.digest);
  });

  it('completeSequence() refuses an event sequence, a wrong handle and keeps the sequence', () => {
    const tpm = startedTpm();
    const handle = handleOf(startHashSequence(tpm, NOTHING, TPM_ALG.NULL));
    const mode = TPM_RC_FORMAT_ONE.MODE | 0x100;
    expect(completeSequence(tpm, handle, NOTHING, TPM_RH.OWNER)).toBe(mode);
    expect(completeSequence(tpm, handle + 1, NOTHING, TPM_RH.OWNER)).toBe(mode);
    expect(updateSequence(tpm, handle + 1, NOTHING)).toBe(TPM_RC_FORMAT_ONE.MODE | 0x140);
    expect(updateSequence(tpm, handle, NOTHING)).toBe(TPM_RC.SUCCESS);
  });
});

describe('startHashSequence()', () => {
  it('startHashSequence() takes the lowest free slot and refuses when there is none', () => {
    const tpm = startedTpm();
    const handles = [0, 1, 2].map(() => handleOf(startHashSequence(tpm, NOTHING, SHA256)));
    expect(handles).toEqual([0x8000_0000, 0x8000_0001, 0x8000_0002]);
    expect(startHashSequence(tpm, NOTHING, SHA256)).toBe(TPM_RC_WARNING.OBJECT_MEMORY);
    completeSequence(tpm, handles[1]!, NOTHING, TPM_RH.NULL);
    expect(handleOf(startHashSequence(tpm, NOTHING, SHA256))).toBe(handles[1]);
  });

  it('startHashSequence() keeps the authorization value without trailing zeros', () => {
    const tpm = startedTpm();
    startHashSequence(tpm, fromHex('61006200'), SHA256);
    expect(tpm.state.volatile.slots[0]).toMatchObject({
      sequence: { authValue: fromHex('610062') },
    });
  });
});

describe('EventSequenceComplete', () => {
  /** TPM2_EventSequenceComplete with the data "!" and empty passwords. */
  function complete(tpm: Tpm, pcr: string, locality = 0): Uint8Array {
    return tpm.execute(
      fromHex(
        `80020000002b00000185${pcr}80000000` +
          '00000012400000090000000000400000090000000000' +
          '000121',
      ),
      locality,
    );
  }

  it('EventSequenceComplete extends the PCR in all banks and ends the sequence', () => {
    const tpm = startedTpm();
    const handle = handleOf(startHashSequence(tpm, NOTHING, TPM_ALG.NULL));
    updateSequence(tpm, handle, utf8ToBytes('event'));
    expect(readUint32(complete(tpm, '00000010'), 6)).toBe(TPM_RC.SUCCESS);
    const digest = sha256(utf8ToBytes('event!'));
    expect(readPcr(tpm, 16)).toEqual(sha256(concatBytes(new Uint8Array(32), digest)));
    expect(tpm.state.volatile.slots[0]).toBeUndefined();
  });

  it('EventSequenceComplete keeps the sequence as it was when the locality may not extend', () => {
    const tpm = startedTpm();
    const handle = handleOf(startHashSequence(tpm, NOTHING, TPM_ALG.NULL));
    updateSequence(tpm, handle, utf8ToBytes('event'));
    const before = eventDigests(tpm, handle, 2, NOTHING);
    expect(readUint32(complete(tpm, '00000011'), 6)).toBe(TPM_RC_WARNING.LOCALITY);
    expect(eventDigests(tpm, handle, 2, NOTHING)).toEqual(before);
    endEventSequence(tpm, handle);
    expect(tpm.state.volatile.slots[0]).toBeUndefined();
  });

  it('EventSequenceComplete refuses a hash sequence with TPM_RC_MODE on handle 2', () => {
    const tpm = startedTpm();
    startHashSequence(tpm, NOTHING, SHA256);
    expect(readUint32(complete(tpm, '00000010'), 6)).toBe(TPM_RC_FORMAT_ONE.MODE | 0x200);
  });
});

describe('hashTicket()', () => {
  it('hashTicket() is a null ticket for the null hierarchy and for TPM_GENERATED_VALUE', () => {
    const tpm = startedTpm();
    for (const [hierarchy, data] of [
      [TPM_RH.NULL, utf8ToBytes('data')],
      [TPM_RH.OWNER, concatBytes(GENERATED, utf8ToBytes('data'))],
    ] as const) {
      expect(hashTicket(tpm, hierarchy, SHA256, data, sha256(data))).toEqual({
        tag: 0x8024,
        hierarchy: TPM_RH.NULL,
        digest: NOTHING,
      });
    }
  });

  it('hashTicket() of data shorter than TPM_GENERATED_VALUE vouches for it', () => {
    const tpm = startedTpm();
    const data = GENERATED.subarray(0, 3);
    expect(hashTicket(tpm, TPM_RH.PLATFORM, SHA256, data, sha256(data)).digest).toHaveLength(64);
  });
});
