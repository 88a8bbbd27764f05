import { readUint32, TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { HIERARCHY } from '../../test/owned-objects.js';
import { NO_PASSWORD, responseCode } from '../../test/password-command.js';
import {
  create,
  createParent,
  creation,
  load,
  PASSWORD,
  run,
  SECRET,
  sizedAt,
  startedWithParent,
} from '../../test/stored-objects.js';
import { sized, words } from '../../test/wire-bytes.js';

describe('TPM2_Create and TPM2_Load', () => {
  it('TPM2_Load loads what TPM2_Create made, and TPM2_Unseal hands the data out', () => {
    const { tpm, parent } = startedWithParent();
    const loaded = load(tpm, parent, create(tpm, parent));
    expect(responseCode(loaded)).toBe(0);
    const unsealed = run(tpm, TPM_CC.Unseal, [readUint32(loaded, 10)], NO_PASSWORD, [PASSWORD]);
    expect(sizedAt(unsealed, 0)).toEqual(SECRET);
  });

  it('TPM2_Create loads nothing, and needs a free slot nevertheless', () => {
    const { tpm, parent } = startedWithParent();
    create(tpm, parent);
    expect(tpm.state.volatile.slots.filter((slot) => slot !== undefined)).toHaveLength(1);
    createParent(tpm, HIERARCHY.owner);
    createParent(tpm, HIERARCHY.owner);
    expect(responseCode(run(tpm, TPM_CC.Create, [parent], creation()))).toBe(0x902);
  });

  it('TPM2_Load refuses a private area with any bit changed, and one of another parent', () => {
    const { tpm, parent } = startedWithParent();
    const blob = create(tpm, parent);
    for (let at = 2; at < blob.outPrivate.length; at++) {
      const outPrivate = blob.outPrivate.with(at, blob.outPrivate[at]! ^ 1);
      expect(responseCode(load(tpm, parent, { ...blob, outPrivate }))).toBe(0x1df);
    }
    const other = createParent(tpm, HIERARCHY.endorsement);
    expect(responseCode(load(tpm, other, blob))).toBe(0x1df);
  });

  it('TPM2_Load refuses a private area with another public area', () => {
    const { tpm, parent } = startedWithParent();
    const blob = create(tpm, parent);
    const outPublic = blob.outPublic.with(7, 0x12);
    expect(responseCode(load(tpm, parent, { ...blob, outPublic }))).toBe(0x1df);
  });

  it('TPM2_Create refuses a parent that protects nothing', () => {
    const { tpm, parent } = startedWithParent();
    const sealed = readUint32(load(tpm, parent, create(tpm, parent)), 10);
    const response = run(tpm, TPM_CC.Create, [sealed], creation(), [PASSWORD]);
    expect(responseCode(response)).toBe(0x18a);
  });

  it('TPM2_Load beside a persistent parent leaves its slot free', () => {
    const { tpm, parent } = startedWithParent();
    const blob = create(tpm, parent);
    const slot = tpm.state.volatile.slots[0]!;
    if (slot.kind !== 1) throw new Error('The parent is a sequence');
    tpm.state.permanent.persistentObjects.push({ handle: 0x8100_0001, object: slot.object });
    expect(readUint32(load(tpm, 0x8100_0001, blob), 10)).toBe(0x8000_0002);
    expect(responseCode(load(tpm, 0x8100_0001, blob))).toBe(0x902);
  });
});

describe('TPM2_ObjectChangeAuth', () => {
  it('TPM2_ObjectChangeAuth makes a private area with the new value, and changes nothing else', () => {
    const { tpm, parent } = startedWithParent();
    const blob = create(tpm, parent);
    const handle = readUint32(load(tpm, parent, blob), 10);
    const auth = Uint8Array.of(0x61);
    const handles = [handle, parent];
    const changed = run(tpm, TPM_CC.ObjectChangeAuth, handles, sized(auth), [PASSWORD]);
    expect(responseCode(changed)).toBe(0);
    expect(responseCode(run(tpm, TPM_CC.Unseal, [handle], NO_PASSWORD, [PASSWORD]))).toBe(0);
    const next = load(tpm, parent, { ...blob, outPrivate: sizedAt(changed, 0) });
    const unsealed = run(tpm, TPM_CC.Unseal, [readUint32(next, 10)], NO_PASSWORD, [auth]);
    expect(sizedAt(unsealed, 0)).toEqual(SECRET);
  });

  it('TPM2_ObjectChangeAuth refuses a parent that is not the object’s own', () => {
    const { tpm, parent } = startedWithParent();
    const handle = readUint32(load(tpm, parent, create(tpm, parent)), 10);
    const other = createParent(tpm, HIERARCHY.endorsement);
    const handles = [handle, other];
    const response = run(tpm, TPM_CC.ObjectChangeAuth, handles, words(0), [PASSWORD]);
    expect(responseCode(response)).toBe(0x28a);
  });
});

describe('TPM2_Unseal', () => {
  it('TPM2_Unseal refuses what is no sealed data', () => {
    const { tpm, parent } = startedWithParent();
    expect(responseCode(run(tpm, TPM_CC.Unseal, [parent], NO_PASSWORD))).toBe(0x18a);
  });
});
