import { readUint32, TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import { P256 } from '../../test/key-pairs.js';
import { HIERARCHY, startup, uint32 } from '../../test/owned-objects.js';
import { commandBytes, responseCode } from '../../test/password-command.js';
import { restoredTpm } from '../../test/restored-tpm.js';
import { joined, sized, words } from '../../test/wire-bytes.js';
import type { Tpm } from '../tpm.js';

const SHA256 = 0x000b;
const NULL = 0x0010;

/** Public area of a P-256 key. */
function eccArea({ nameAlg = SHA256, attributes = 0x0004_0040, y = P256.y } = {}): Uint8Array {
  const head = joined(words(0x23, nameAlg), uint32(attributes), words(0));
  return joined(head, words(NULL, NULL, 3, NULL), sized(P256.x), sized(y));
}

const ECC_SECRET = joined(words(0x23, 0, 0), sized(P256.scalar));

function started(): Tpm {
  const tpm = freshTpm();
  tpm.initialize();
  startup(tpm);
  return tpm;
}

function loadExternal(
  tpm: Tpm,
  area: Uint8Array,
  { secret, hierarchy = HIERARCHY.null }: { secret?: Uint8Array; hierarchy?: number } = {},
): Uint8Array {
  const inPrivate = secret === undefined ? words(0) : sized(secret);
  const parameters = joined(inPrivate, sized(area), uint32(hierarchy));
  return tpm.execute(commandBytes({ code: TPM_CC.LoadExternal, parameters }), 0);
}

describe('TPM2_LoadExternal', () => {
  it('TPM2_LoadExternal takes a public area for any hierarchy that is on', () => {
    const tpm = started();
    for (const hierarchy of [HIERARCHY.owner, HIERARCHY.endorsement, HIERARCHY.platform]) {
      expect(responseCode(loadExternal(tpm, eccArea(), { hierarchy }))).toBe(0);
    }
    expect(responseCode(loadExternal(tpm, eccArea()))).toBe(0x902);
    tpm.state.volatile.slots.fill(undefined);
    tpm.state.clear.ehEnable = false;
    const answer = loadExternal(tpm, eccArea(), { hierarchy: HIERARCHY.endorsement });
    expect(responseCode(answer)).toBe(0x3c5);
  });

  it('TPM2_LoadExternal takes a secret in the null hierarchy only', () => {
    const tpm = started();
    expect(responseCode(loadExternal(tpm, eccArea(), { secret: ECC_SECRET }))).toBe(0);
    const options = { secret: ECC_SECRET, hierarchy: HIERARCHY.owner };
    expect(responseCode(loadExternal(tpm, eccArea(), options))).toBe(0x3c5);
  });

  it.each([
    ['fixedTPM', 0x0004_0042],
    ['fixedParent', 0x0004_0050],
    ['restricted', 0x0005_0040],
  ])(
    'TPM2_LoadExternal refuses a secret with %s and takes the public area',
    (_name, attributes) => {
      const tpm = started();
      const scheme = words(0x18, SHA256);
      const area = joined(
        joined(words(0x23, SHA256), uint32(attributes), words(0), words(NULL), scheme),
        joined(words(3, NULL), sized(P256.x), sized(P256.y)),
      );
      expect(responseCode(loadExternal(tpm, area, { secret: ECC_SECRET }))).toBe(0x2c2);
      expect(responseCode(loadExternal(tpm, area))).toBe(0);
    },
  );

  it('TPM2_LoadExternal gives an object without ancestors: its qualified name is its Name', () => {
    const tpm = started();
    const handle = readUint32(loadExternal(tpm, eccArea()), 10);
    const read = tpm.execute(commandBytes({ code: TPM_CC.ReadPublic, handles: [handle] }), 0);
    const names = read.subarray(10 + 2 + eccArea().length);
    expect(names.length).toBe(2 * 36);
    expect(names.subarray(36)).toEqual(names.subarray(0, 36));
  });

  it('TPM2_LoadExternal refuses a secret of another key, and a point beside the curve', () => {
    const tpm = started();
    const other = joined(words(0x23, 0, 0), sized(P256.scalar.toReversed()));
    expect(responseCode(loadExternal(tpm, eccArea(), { secret: other }))).toBe(0xa5);
    const y = P256.y.with(31, 0);
    expect(responseCode(loadExternal(tpm, eccArea({ y })))).toBe(0x2e7);
  });

  it('TPM2_LoadExternal loads a key without a Name, whose point nobody checks, and keeps it', () => {
    const tpm = started();
    const y = P256.y.with(31, 0);
    const answer = loadExternal(tpm, eccArea({ nameAlg: NULL, y }));
    expect([...answer.subarray(10)]).toEqual([0x80, 0, 0, 0, 0, 0]);
    expect(restoredTpm(tpm).state.volatile.slots).toEqual(tpm.state.volatile.slots);
  });
});
