import { readUint32, TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { HIERARCHY, uint32 } from '../../test/owned-objects.js';
import { commandBytes, NO_PASSWORD, responseCode } from '../../test/password-command.js';
import {
  create,
  createParent,
  load,
  PASSWORD,
  run,
  SECRET,
  sizedAt,
  startedWithParent,
} from '../../test/stored-objects.js';
import { joined, sized, words } from '../../test/wire-bytes.js';
import { hashAlgorithm } from '../crypto/hash.js';
import type { Tpm } from '../tpm.js';

const SHA256 = 0x000b;
const NULL = 0x0010;
const ENCRYPTED = 0x0800;
const AES = words(6, 128, 0x43);
const NO_CIPHER = words(NULL);
/** Policy of PolicyCommandCode(Duplicate). */
const POLICY = hashAlgorithm(SHA256)!.digest(
  new Uint8Array(32),
  uint32(TPM_CC.PolicyCommandCode),
  uint32(TPM_CC.Duplicate),
);

/** Sealed data that may leave its parent. */
function movable(attributes = 0): Uint8Array {
  const head = joined(words(0x08, SHA256), uint32(0x0000_0040 | attributes));
  return joined(head, sized(POLICY), words(NULL, 0));
}

function loadMovable(tpm: Tpm, parent: number, attributes = 0) {
  const blob = create(tpm, parent, SECRET, movable(attributes));
  return { blob, handle: readUint32(load(tpm, parent, blob), 10) };
}

function duplicate(
  tpm: Tpm,
  handle: number,
  newParent: number,
  { key = NO_PASSWORD, cipher = NO_CIPHER } = {},
): Uint8Array {
  const start = joined(sized(new Uint8Array(16)), words(0), Uint8Array.of(1), words(NULL, SHA256));
  const handles = [HIERARCHY.null, HIERARCHY.null];
  const started = tpm.execute(
    commandBytes({ code: TPM_CC.StartAuthSession, handles, parameters: start }),
    0,
  );
  const session = readUint32(started, 10);
  const parameters = uint32(TPM_CC.Duplicate);
  tpm.execute(commandBytes({ code: TPM_CC.PolicyCommandCode, handles: [session], parameters }), 0);
  const area = joined(uint32(session), words(0), Uint8Array.of(0), words(0));
  const body = joined(uint32(handle), uint32(newParent), uint32(area.length), area);
  const rest = joined(body, sized(key), cipher);
  const command = joined(words(0x8002), uint32(10 + rest.length), uint32(TPM_CC.Duplicate), rest);
  const response = tpm.execute(command, 0);
  const code = responseCode(response);
  if (code !== 0) {
    tpm.execute(commandBytes({ code: TPM_CC.FlushContext, parameters: uint32(session) }), 0);
  }
  return response;
}

interface Duplicated {
  readonly outPublic: Uint8Array;
  readonly duplicate: Uint8Array;
  readonly seed?: Uint8Array;
  readonly key?: Uint8Array;
  readonly cipher?: Uint8Array;
}

function importTo(tpm: Tpm, parent: number, one: Duplicated): Uint8Array {
  const { key = NO_PASSWORD, seed = NO_PASSWORD, cipher = NO_CIPHER } = one;
  const parameters = joined(sized(key), sized(one.outPublic), sized(one.duplicate), sized(seed));
  return run(tpm, TPM_CC.Import, [parent], joined(parameters, cipher));
}

function unsealed(tpm: Tpm, parent: number, imported: Uint8Array, outPublic: Uint8Array) {
  expect(responseCode(imported)).toBe(0);
  const loaded = load(tpm, parent, { outPrivate: sizedAt(imported, 0), outPublic });
  const handle = readUint32(loaded, 10);
  return sizedAt(run(tpm, TPM_CC.Unseal, [handle], NO_PASSWORD, [PASSWORD]), 0);
}

describe('TPM2_Duplicate and TPM2_Import', () => {
  it.each([
    ['no wrapper', NO_CIPHER, false],
    ['an inner wrapper', AES, false],
    ['an outer wrapper', NO_CIPHER, true],
    ['both wrappers', AES, true],
  ] as const)('TPM2_Import takes a duplicate with %s', (_what, cipher, hasOuter) => {
    const { tpm, parent } = startedWithParent();
    const { blob, handle } = loadMovable(tpm, parent);
    const other = createParent(tpm, HIERARCHY.endorsement);
    const made = duplicate(tpm, handle, hasOuter ? other : HIERARCHY.null, { cipher });
    expect(responseCode(made)).toBe(0);
    const [key, inner, seed] = [0, 1, 2].map((index) => sizedAt(made, index));
    expect([key!.length, seed!.length > 0]).toEqual([cipher === AES ? 16 : 0, hasOuter]);
    tpm.state.volatile.slots[1] = undefined;
    const { outPublic } = blob;
    const one = { outPublic, duplicate: inner!, seed: seed!, key: key!, cipher };
    expect(unsealed(tpm, other, importTo(tpm, other, one), outPublic)).toEqual(SECRET);
  });

  it('TPM2_Import refuses a wrapped duplicate with any byte changed', () => {
    const { tpm, parent } = startedWithParent();
    const { blob, handle } = loadMovable(tpm, parent);
    const made = duplicate(tpm, handle, parent);
    const [inner, seed] = [sizedAt(made, 1), sizedAt(made, 2)];
    for (let at = 2; at < inner.length; at += 7) {
      const changed = inner.with(at, inner[at]! ^ 1);
      const one = { outPublic: blob.outPublic, duplicate: changed, seed };
      expect(responseCode(importTo(tpm, parent, one))).toBe(0x3df);
    }
    const beside = seed.with(10, seed[10]! ^ 1);
    const one = { outPublic: blob.outPublic, duplicate: inner, seed: beside };
    expect(responseCode(importTo(tpm, parent, one))).toBe(0x4e7);
  });

  it('TPM2_Duplicate takes the caller’s key and gives none back', () => {
    const { tpm, parent } = startedWithParent();
    const { blob, handle } = loadMovable(tpm, parent);
    const key = new Uint8Array(16).fill(7);
    const made = duplicate(tpm, handle, HIERARCHY.null, { key, cipher: AES });
    expect(sizedAt(made, 0)).toHaveLength(0);
    const one = { outPublic: blob.outPublic, duplicate: sizedAt(made, 1), key, cipher: AES };
    const imported = importTo(tpm, parent, one);
    tpm.state.volatile.slots[1] = undefined;
    expect(unsealed(tpm, parent, imported, blob.outPublic)).toEqual(SECRET);
  });

  it('TPM2_Duplicate with encryptedDuplication insists on both wrappers', () => {
    const { tpm, parent } = startedWithParent();
    const { handle } = loadMovable(tpm, parent, ENCRYPTED);
    expect(responseCode(duplicate(tpm, handle, parent))).toBe(0x2d6);
    expect(responseCode(duplicate(tpm, handle, HIERARCHY.null, { cipher: AES }))).toBe(0x285);
    expect(responseCode(duplicate(tpm, handle, parent, { cipher: AES }))).toBe(0);
  });

  it('TPM2_Import refuses fixed objects and a key without a cipher', () => {
    const { tpm, parent } = startedWithParent();
    const outPublic = joined(words(0x08, SHA256), uint32(0x52), words(0, NULL, 0));
    const one = { outPublic, duplicate: new Uint8Array(9) };
    expect(responseCode(importTo(tpm, parent, one))).toBe(0x2c2);
    const key = new Uint8Array(16);
    expect(responseCode(importTo(tpm, parent, { ...one, outPublic: movable(), key }))).toBe(0x1d5);
  });
});
