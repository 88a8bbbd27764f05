import { fixtureLines } from '@tpmdev/testing/fixture';
import { fromHex } from '@tpmdev/testing/scripted-backend';
import { TPM_RC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { RepeatableRandom } from '../../test/fresh-tpm.js';
import { isRefusal, type ResponseCode } from '../response-code.js';
import { type PublicArea, TPMT_PUBLIC, TPMT_SENSITIVE } from '../structures/public-area.js';
import { marshalled, Unmarshaller } from '../structures/wire-type.js';
import { checkCreation, createObject } from './object-creation.js';
import { objectName } from './object-name.js';

/** A template that swtpm was asked to create an object from, and what it said. */
interface Attempt {
  /** Public area of the parent; absent of a primary object. */
  readonly parent?: string;
  readonly template: string;
  readonly data: string;
  readonly auth: string;
  readonly code: number;
}

const ATTEMPTS = await fixtureLines<Attempt>(
  new URL('../../fixtures/object-templates-libtpms092.jsonl.gz', import.meta.url),
);

function publicArea(hex: string): PublicArea {
  const reader = new Unmarshaller(fromHex(hex));
  const area = TPMT_PUBLIC.unmarshal(reader);
  expect([reader.failure, reader.remaining]).toEqual([TPM_RC.SUCCESS, 0]);
  return area;
}

/** The code of a creation; of one that works, without the search for an RSA key's primes. */
function attempt({ parent, template, data, auth }: Attempt): ResponseCode {
  const area = publicArea(template);
  const given = { userAuth: fromHex(auth), data: fromHex(data) };
  const refusal = checkCreation(area, given, parent === undefined ? undefined : publicArea(parent));
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const first = createObject(new RepeatableRandom(), area, given).next();
  return first.done && isRefusal(first.value) ? first.value : TPM_RC.SUCCESS;
}

function create(hex: string, data = new Uint8Array(0), userAuth = new Uint8Array(0)) {
  const steps = createObject(new RepeatableRandom(), publicArea(hex), { userAuth, data });
  for (;;) {
    const step = steps.next();
    if (!step.done) continue;
    if (isRefusal(step.value)) throw new Error(`Refused with ${step.value}`);
    return step.value;
  }
}

describe('checkCreation()', () => {
  it('checkCreation() takes and refuses the templates that swtpm takes and refuses, with its codes', () => {
    expect(ATTEMPTS.length).toBe(1073);
    const different = ATTEMPTS.filter((one) => attempt(one) !== one.code);
    expect(different.map((one) => [one, attempt(one)])).toEqual([]);
  });

  it('checkCreation() was asked for primary objects and children, accepted and refused ones', () => {
    const kinds = ATTEMPTS.map(({ parent, code }) => `${parent === undefined} ${code === 0}`);
    expect(new Set(kinds).size).toBe(4);
  });
});

describe('createObject()', () => {
  it.each([
    ['an ECC key', '0023000b000400720000001000100003001000000000', 0, 32],
    ['an ECC parent', '0023000b00030072000000060080004300100003001000000000', 32, 32],
    ['an RSA key', '0001000b000400720000001000100400000000000000', 0, 64],
    ['an RSA parent', '0001000b00030072000000060080004300100400000000000000', 32, 64],
    ['an AES key', '0025000c0006007200000006010000430000', 48, 32],
    ['an HMAC key', '0008000b0004007200000005000d0000', 32, 64],
  ])('createObject() gives %s the sizes of its kind', (_kind, template, seedSize, secretSize) => {
    const { sensitive, publicArea: area } = create(template);
    expect(sensitive.seedValue.length).toBe(seedSize);
    expect(sensitive.sensitive.length).toBe(secretSize);
    expect(sensitive.sensitiveType).toBe(area.type);
    const bytes = marshalled(TPMT_SENSITIVE, sensitive);
    expect(TPMT_SENSITIVE.unmarshal(new Unmarshaller(bytes))).toEqual(sensitive);
    expect(objectName(area).length).toBe(area.nameAlg === 0x000c ? 50 : 34);
  });

  it('createObject() takes the caller’s key without sensitiveDataOrigin and its own with it', () => {
    const key = new Uint8Array(16).fill(7);
    expect(create('0025000b0006005200000006008000430000', key).sensitive.sensitive).toEqual(key);
    expect(create('0025000b0006007200000006008000430000', key).sensitive.sensitive).not.toEqual(
      key,
    );
  });

  it('createObject() keeps the authorization value without trailing zeros', () => {
    const { sensitive } = create(
      '0008000b0004007200000005000b0000',
      undefined,
      Uint8Array.of(1, 0, 2, 0, 0),
    );
    expect(sensitive.authValue).toEqual(Uint8Array.of(1, 0, 2));
  });

  it('createObject() binds the public area of a secret to its seedValue', () => {
    const data = Uint8Array.of(1, 2, 3);
    const one = create('0008000b00000052000000100000', data).publicArea;
    const other = createObject(new RepeatableRandom(2), one, {
      userAuth: new Uint8Array(0),
      data,
    }).next().value;
    expect(isRefusal(other)).toBe(false);
    expect(other).not.toMatchObject({ publicArea: { unique: one.unique } });
  });
});
