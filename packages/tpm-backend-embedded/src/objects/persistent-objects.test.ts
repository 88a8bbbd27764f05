import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import {
  createKey,
  flush,
  HIERARCHY,
  powerCycle,
  readName,
  startup,
  uint32,
} from '../../test/owned-objects.js';
import { commandBytes, NO_PASSWORD, responseCode } from '../../test/password-command.js';
import type { Tpm } from '../tpm.js';

const { owner, platform, endorsement, null: nullHierarchy } = HIERARCHY;
const RC = {
  DEFINED: 0x14c,
  SPACE: 0x14b,
  RANGE: 0x1cd,
  ATTRIBUTES: 0x282,
  HIERARCHY: 0x285,
  HANDLE: 0x28b,
} as const;
const [OWNERS, PLATFORMS] = [0x8100_0001, 0x8180_0000] as const;

function startedTpm(): Tpm {
  const tpm = freshTpm();
  expect(startup(tpm)).toBe(0);
  return tpm;
}

function evict(tpm: Tpm, auth: number, object: number, persistent: number): number {
  const command = commandBytes({
    code: TPM_CC.EvictControl,
    handles: [auth, object],
    passwords: [NO_PASSWORD],
    parameters: uint32(persistent),
  });
  return responseCode(tpm.execute(command, 0));
}

describe('evictControl()', () => {
  it('evictControl() keeps an object with its Name over starts, until it removes it', () => {
    const tpm = startedTpm();
    const key = createKey(tpm, owner);
    const name = readName(tpm, key);
    expect(evict(tpm, owner, key, OWNERS)).toBe(0);
    expect(tpm.permanentChanged).toBe(true);
    flush(tpm, key);
    powerCycle(tpm, 'disorderly');
    expect(readName(tpm, OWNERS)).toEqual(name);
    expect(evict(tpm, owner, OWNERS, OWNERS)).toBe(0);
    expect(readName(tpm, OWNERS)).toBe(0x18b);
  });

  it.each([
    ['an object of the owner', owner, owner, OWNERS, 0],
    ['an object of the endorsement hierarchy by the owner', owner, endorsement, OWNERS, 0],
    ['an object of the platform', platform, platform, PLATFORMS, 0],
    ['an object of the owner by the platform', platform, owner, PLATFORMS, RC.HIERARCHY],
    ['an object of the platform by the owner', owner, platform, OWNERS, RC.HIERARCHY],
    ['the range of the platform by the owner', owner, owner, PLATFORMS, RC.RANGE],
    ['the range of the owner by the platform', platform, platform, OWNERS, RC.RANGE],
    ['an object of the null hierarchy', owner, nullHierarchy, OWNERS, RC.ATTRIBUTES],
  ])('evictControl() answers as the hierarchies say for %s', (_name, auth, of, at, code) => {
    const tpm = startedTpm();
    expect(evict(tpm, auth, createKey(tpm, of), at)).toBe(code);
  });

  it('evictControl() refuses what a start forgets', () => {
    const tpm = startedTpm();
    const key = createKey(tpm, owner, { stClear: true });
    expect(evict(tpm, owner, key, OWNERS)).toBe(RC.ATTRIBUTES);
  });

  it('evictControl() lets only the handle of a persistent object name it, and the platform remove it', () => {
    const tpm = startedTpm();
    const key = createKey(tpm, owner);
    evict(tpm, owner, key, OWNERS);
    expect(evict(tpm, owner, key, OWNERS)).toBe(RC.DEFINED);
    expect(evict(tpm, owner, OWNERS, OWNERS + 1)).toBe(RC.HANDLE);
    expect(evict(tpm, platform, OWNERS, OWNERS)).toBe(0);
    expect(evict(tpm, platform, OWNERS, OWNERS)).toBe(RC.HANDLE);
  });

  it('evictControl() of the owner keeps endorsement objects out of reach while the owner is off', () => {
    const tpm = startedTpm();
    const key = createKey(tpm, endorsement);
    evict(tpm, owner, key, OWNERS);
    for (const [state, found] of [
      [0, 0x18b],
      [1, readName(tpm, key)],
    ] as const) {
      const command = commandBytes({
        code: TPM_CC.HierarchyControl,
        handles: [platform],
        passwords: [NO_PASSWORD],
        parameters: Uint8Array.of(...uint32(owner), state),
      });
      expect(responseCode(tpm.execute(command, 0))).toBe(0);
      expect(readName(tpm, OWNERS)).toEqual(found);
    }
  });

  it('evictControl() has room for 65 objects in an empty NV memory', () => {
    const tpm = startedTpm();
    const key = createKey(tpm, owner);
    let count = 0;
    while (evict(tpm, owner, key, OWNERS + count) === 0) count++;
    expect(count).toBe(65);
    expect(evict(tpm, owner, key, OWNERS + count)).toBe(RC.SPACE);
  });
});
