import { readUint32, TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { HIERARCHY, uint32 } from '../../test/owned-objects.js';
import { commandBytes, NO_PASSWORD, responseCode } from '../../test/password-command.js';
import {
  createParent,
  load,
  PASSWORD,
  run,
  SEALED,
  SECRET,
  STORAGE,
  startedWithParent,
} from '../../test/stored-objects.js';
import { joined, sized, words } from '../../test/wire-bytes.js';
import { findObject } from '../entity.js';
import type { Tpm } from '../tpm.js';

const SHA256 = 0x000b;
const NULL = 0x0010;
/** XOR key with KDFa: restricted and decrypt, from which others are derived. */
const DERIVATION_PARENT = joined(
  joined(words(0x08, SHA256), uint32(0x0003_0472), words(0, 0x000a, SHA256, 0x0022)),
  words(0),
);

function derivedKey(label: Uint8Array, attributes = 0x0004_0052): Uint8Array {
  const head = joined(words(0x23, SHA256), uint32(attributes), words(0));
  return joined(head, words(NULL, NULL, 3, NULL), sized(label), words(0));
}

function createLoaded(tpm: Tpm, parent: number, template: Uint8Array, data = NO_PASSWORD) {
  const sensitive = joined(sized(PASSWORD), sized(data));
  return run(tpm, TPM_CC.CreateLoaded, [parent], joined(sized(sensitive), sized(template)));
}

function derivationParent(tpm: Tpm): number {
  const sensitive = sized(words(0, 0));
  const parameters = joined(sensitive, sized(DERIVATION_PARENT), words(0), uint32(0));
  return readUint32(run(tpm, TPM_CC.CreatePrimary, [HIERARCHY.owner], parameters), 10);
}

/** @returns outPrivate */
function privateArea(response: Uint8Array): Uint8Array {
  const view = new DataView(response.buffer, response.byteOffset);
  return response.slice(20, 20 + view.getUint16(18));
}

function flush(tpm: Tpm, handle: number): void {
  const parameters = uint32(handle);
  tpm.execute(commandBytes({ code: TPM_CC.FlushContext, parameters }), 0);
}

describe('TPM2_CreateLoaded', () => {
  it('TPM2_CreateLoaded makes an ordinary object that TPM2_Load loads again', () => {
    const { tpm, parent } = startedWithParent();
    const made = createLoaded(tpm, parent, SEALED, SECRET);
    expect(responseCode(made)).toBe(0);
    const outPrivate = privateArea(made);
    const rest = made.subarray(20 + outPrivate.length);
    const outPublic = rest.slice(2, 2 + new DataView(rest.buffer, rest.byteOffset).getUint16(0));
    const object = findObject(tpm, readUint32(made, 10))!;
    expect(object.sensitive!.sensitive).toEqual(SECRET);
    const again = load(tpm, parent, { outPrivate, outPublic });
    expect(findObject(tpm, readUint32(again, 10))!.name).toEqual(object.name);
  });

  it('TPM2_CreateLoaded in a hierarchy makes the primary object of TPM2_CreatePrimary', () => {
    const { tpm, parent } = startedWithParent();
    const made = createLoaded(tpm, HIERARCHY.owner, STORAGE);
    expect(privateArea(made)).toHaveLength(0);
    const primary = findObject(tpm, parent)!;
    const object = findObject(tpm, readUint32(made, 10))!;
    expect([object.name, object.qualifiedName]).toEqual([primary.name, primary.qualifiedName]);
  });

  it('TPM2_CreateLoaded derives the same key from the same label, and another from another', () => {
    const { tpm } = startedWithParent();
    const parent = derivationParent(tpm);
    const names = [1, 1, 2].map((label) => {
      const made = createLoaded(tpm, parent, derivedKey(Uint8Array.of(label)));
      expect([responseCode(made), privateArea(made).length]).toEqual([0, 0]);
      const handle = readUint32(made, 10);
      const { name } = findObject(tpm, handle)!;
      flush(tpm, handle);
      return name;
    });
    expect(names[1]).toEqual(names[0]);
    expect(names[2]).not.toEqual(names[0]);
  });

  it('TPM2_CreateLoaded takes the label of the caller’s data where the template has none', () => {
    const { tpm } = startedWithParent();
    const parent = derivationParent(tpm);
    const data = joined(sized(Uint8Array.of(1)), words(0));
    const one = createLoaded(tpm, parent, derivedKey(Uint8Array.of(1)));
    const { name } = findObject(tpm, readUint32(one, 10))!;
    flush(tpm, readUint32(one, 10));
    const other = createLoaded(tpm, parent, derivedKey(NO_PASSWORD), data);
    expect(findObject(tpm, readUint32(other, 10))!.name).toEqual(name);
  });

  it('TPM2_CreateLoaded derives no RSA key, no key that may leave, and none of its own secret', () => {
    const { tpm } = startedWithParent();
    const parent = derivationParent(tpm);
    const rsa = joined(words(0x01, SHA256), uint32(0x0004_0052), words(0, NULL, NULL, 1024));
    const answers = [
      createLoaded(tpm, parent, joined(rsa, uint32(0), words(0, 0))),
      createLoaded(tpm, parent, derivedKey(NO_PASSWORD, 0x0004_0040)),
      createLoaded(tpm, parent, derivedKey(NO_PASSWORD, 0x0004_0072)),
    ];
    expect(answers.map(responseCode)).toEqual([0x2ca, 0x2c2, 0x82]);
  });

  it('TPM2_CreateLoaded refuses a parent that is none, before anything else', () => {
    const { tpm, parent } = startedWithParent();
    const sealed = readUint32(createLoaded(tpm, parent, SEALED, SECRET), 10);
    createParent(tpm, HIERARCHY.owner);
    const parameters = joined(sized(words(0, 0)), sized(SEALED));
    const answer = run(tpm, TPM_CC.CreateLoaded, [sealed], parameters, [PASSWORD]);
    expect(responseCode(answer)).toBe(0x18a);
  });
});
