import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import { TPM_CC, TPM_RC, TPM_RC_WARNING } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { commandBytes, NO_PASSWORD, responseCode } from '../../test/password-command.js';
import { TRANSPLANT, transplantedTpm } from '../../test/transplant.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { Tpm } from '../tpm.js';
import type { CreatedObject } from './object-creation.js';
import { PrimaryCache } from './primary-objects.js';

const RECORDED = TRANSPLANT.steps.filter(({ command }) => command === 'CreatePrimary');

const STARTUP = commandBytes({ code: TPM_CC.Startup, parameters: Uint8Array.of(0, 0) });
const FLUSH = commandBytes({
  code: TPM_CC.FlushContext,
  parameters: Uint8Array.of(0x80, 0, 0, 0),
});

/** A started TPM with the seeds and proofs of the swtpm that was recorded. */
function transplanted(): Tpm {
  const tpm = transplantedTpm();
  tpm.execute(STARTUP, 0);
  return tpm;
}

function recorded(note: string): Uint8Array {
  return fromHex(RECORDED.find((step) => step.note === note)!.send!);
}

describe('TPM2_CreatePrimary', () => {
  it.each(RECORDED.map(({ note, send, recv }) => [note!, send!, recv!] as const))(
    'TPM2_CreatePrimary answers as libtpms with the same seeds does: %s',
    (_name, send, recv) => {
      expect(toHex(transplanted().execute(fromHex(send), 0))).toBe(recv);
    },
  );

  it('TPM2_CreatePrimary gives from the cache what it gave before', () => {
    const tpm = transplanted();
    for (const _ of [1, 2]) {
      for (const { send, recv } of RECORDED.filter(({ note }) => !note!.includes('RSA'))) {
        expect(toHex(tpm.execute(fromHex(send!), 0))).toBe(recv);
        expect(responseCode(tpm.execute(FLUSH, 0))).toBe(TPM_RC.SUCCESS);
      }
    }
  });

  it('TPM2_CreatePrimary gives the same key with another authorization value, and keeps that value', () => {
    const tpm = transplanted();
    const send = recorded('owner: ECC P-256 storage key');
    const withAuth = commandBytes({
      code: TPM_CC.CreatePrimary,
      handles: [0x4000_0001],
      passwords: [NO_PASSWORD],
      parameters: Uint8Array.of(0, 6, 0, 2, 0x61, 0x62, 0, 0, ...send.subarray(33)),
    });
    const first = tpm.execute(send, 0);
    const second = tpm.execute(withAuth, 0);
    expect(toHex(second.subarray(14))).toBe(toHex(first.subarray(14)));
    const authValues = tpm.state.volatile.slots.map((slot) =>
      slot?.kind === 1 ? slot.object.sensitive?.authValue : undefined,
    );
    expect(authValues).toEqual([NO_PASSWORD, Uint8Array.of(0x61, 0x62), undefined]);
  });

  it('TPM2_CreatePrimary stopped in the search for primes leaves no object', () => {
    const tpm = transplanted();
    const steps = tpm.process(recorded('owner: RSA 2048 storage key'), 0);
    expect(steps.next().done).toBe(false);
    tpm.cancelRequested = true;
    const answer = steps.next();
    expect(answer.done && responseCode(answer.value)).toBe(TPM_RC_WARNING.CANCELED);
    expect(tpm.state.volatile.slots).toEqual([undefined, undefined, undefined]);
    expect(tpm.primaries.size).toBe(0);
  });

  it('TPM2_CreatePrimary without a free slot says so before it looks at the template', () => {
    const tpm = transplanted();
    const send = recorded('owner: ECC P-256 storage key');
    for (const _ of tpm.state.volatile.slots) tpm.execute(send, 0);
    const bad = send.slice();
    bad[40] = 0;
    for (const command of [send, bad]) {
      expect(responseCode(tpm.execute(command, 0))).toBe(TPM_RC_WARNING.OBJECT_MEMORY);
    }
  });

  it('TPM2_CreatePrimary changes nothing that is stored', () => {
    const tpm = transplanted();
    tpm.permanentChanged = false;
    tpm.execute(recorded('owner: ECC P-256 storage key'), 0);
    expect(tpm.permanentChanged).toBe(false);
  });
});

describe('PrimaryCache', () => {
  const object = (byte: number): CreatedObject => ({
    publicArea: {
      type: TPM_ALG.SYMCIPHER,
      nameAlg: TPM_ALG.SHA256,
      objectAttributes: 0,
      authPolicy: new Uint8Array(0),
      parameters: { symmetric: { algorithm: TPM_ALG.AES, keyBits: 128, mode: TPM_ALG.CFB } },
      unique: Uint8Array.of(byte),
    },
    sensitive: {
      sensitiveType: TPM_ALG.SYMCIPHER,
      authValue: new Uint8Array(0),
      seedValue: new Uint8Array(0),
      sensitive: Uint8Array.of(byte),
    },
  });

  it('PrimaryCache keeps the 16 objects that were asked for last', () => {
    const cache = new PrimaryCache();
    for (let index = 0; index < 16; index++) cache.set(`${index}`, object(index));
    expect(cache.get('0')).toEqual(object(0));
    cache.set('new', object(99));
    expect(cache.size).toBe(16);
    expect(cache.get('0')).toEqual(object(0));
    expect(cache.get('1')).toBeUndefined();
    expect(cache.get('2')).toEqual(object(2));
  });

  it('PrimaryCache.clear() forgets all objects', () => {
    const cache = new PrimaryCache();
    cache.set('one', object(1));
    cache.clear();
    expect([cache.size, cache.get('one')]).toEqual([0, undefined]);
  });
});
