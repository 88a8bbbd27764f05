import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exerciseTpm } from '../../test/exercise-tpm.js';
import { freshTpm, ManualClock, RepeatableRandom } from '../../test/fresh-tpm.js';
import { richTpm } from '../../test/rich-tpm.js';
import { shutDown } from '../power-cycle.js';
import { Tpm } from '../tpm.js';
import { ORDERLY, type PersistentObject } from './permanent-state.js';
import {
  applySnapshot,
  applyStoredState,
  decodeSnapshot,
  decodeStoredState,
  encodeSnapshot,
  encodeStoredState,
  type StoredState,
  type TpmSnapshot,
} from './tpm-state.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() % 2 ** 31);
console.log(`TPMDEV_SEED=${SEED}`);

const SLOTS = 6;
const CHECKSUM_SIZE = 32;

function newTpm(): Tpm {
  return freshTpm({ transientSlots: SLOTS });
}

/** @returns `bytes` with a checksum that is right */
function sealed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy.set(sha256(copy.subarray(0, -CHECKSUM_SIZE)), copy.length - CHECKSUM_SIZE);
  return copy;
}

function stored(bytes: Uint8Array): StoredState {
  const state = decodeStoredState(bytes);
  if (typeof state === 'string') throw new Error(`The state ${state}`);
  return state;
}

function snapshot(bytes: Uint8Array): TpmSnapshot {
  const state = decodeSnapshot(bytes, SLOTS);
  if (typeof state === 'string') throw new Error(`The state ${state}`);
  return state;
}

const rich = await richTpm();
const snapshotBytes = encodeSnapshot(rich);
shutDown(rich, 1);
const storedBytes = encodeStoredState(rich.state);

describe('encodeStoredState()', () => {
  it('decodeStoredState() reads what encodeStoredState() wrote, bit for bit', () => {
    expect(stored(storedBytes).saved).toBeDefined();
    expect(encodeStoredState(stored(storedBytes))).toEqual(storedBytes);
    const fresh = encodeStoredState(newTpm().state);
    expect(encodeStoredState(stored(fresh))).toEqual(fresh);
  });

  it('encodeStoredState() leaves saved state out that a later change undid', () => {
    const { permanent, saved } = stored(storedBytes);
    const bytes = encodeStoredState({ permanent: { ...permanent, orderly: ORDERLY.NONE }, saved });
    expect(stored(bytes).saved).toBeUndefined();
  });

  it('applyStoredState() gives a TPM everything that outlives power-off', () => {
    const tpm = newTpm();
    applyStoredState(tpm, stored(storedBytes));
    tpm.initialize();
    expect(encodeStoredState(tpm.state)).toEqual(storedBytes);
  });
});

describe('encodeSnapshot()', () => {
  it('decodeSnapshot() reads what encodeSnapshot() wrote, bit for bit, and applySnapshot() goes on from it', () => {
    const tpm = newTpm();
    applySnapshot(tpm, snapshot(snapshotBytes));
    expect(encodeSnapshot(tpm)).toEqual(snapshotBytes);
  });

  it('applySnapshot() counts the time that was not counted yet, and none in between', () => {
    const clock = new ManualClock();
    const tpm = freshTpm({ clock });
    tpm.initialize();
    clock.advance(5);
    const other = new ManualClock();
    other.advance(1_000);
    const restored = new Tpm({ clock: other, random: new RepeatableRandom() });
    const state = decodeSnapshot(encodeSnapshot(tpm), 3) as TpmSnapshot;
    applySnapshot(restored, state);
    expect(other.now() - restored.countedUntil).toBe(5);
  });

  it('applySnapshot() keeps a TPM in failure mode there', () => {
    const tpm = newTpm();
    tpm.failure = new Error('broken');
    const restored = newTpm();
    applySnapshot(restored, snapshot(encodeSnapshot(tpm)));
    expect(restored.failure).toBeDefined();
  });

  it('applySnapshot() goes on with the same random numbers', () => {
    const restored = newTpm();
    applySnapshot(restored, snapshot(snapshotBytes));
    const again = newTpm();
    applySnapshot(again, snapshot(snapshotBytes));
    expect(restored.random.generate(16)).toEqual(again.random.generate(16));
  });
});

describe('decodeStoredState() refuses', () => {
  it.each([
    ['no bytes', new Uint8Array(0), 'is not one of this TPM'],
    ['another magic', storedBytes.with(0, 0), 'is not one of this TPM'],
    ['the header alone', storedBytes.slice(0, 15), 'is cut off after 15 bytes'],
    ['a version from the future', sealed(storedBytes.with(9, 2)), 'has version 2, newer than 1'],
    ['version 0', sealed(storedBytes.with(9, 0)), 'has version 0, which never existed'],
    ['a snapshot', snapshotBytes, 'is of kind 2, expected 1'],
    ['a byte more', Uint8Array.of(...storedBytes, 0), 'has 1 bytes after its end'],
  ])('decodeStoredState() refuses %s', (_name, bytes, reason) => {
    expect(decodeStoredState(bytes)).toContain(reason);
  });

  it('decodeStoredState() refuses every cut', () => {
    for (let length = 0; length < storedBytes.length; length++) {
      expect(decodeStoredState(storedBytes.subarray(0, length))).toMatch(/is (cut off|not one)/);
    }
  });

  it('decodeStoredState() refuses every changed byte', () => {
    for (let index = 0; index < storedBytes.length; index++) {
      expect(decodeStoredState(storedBytes.with(index, storedBytes[index]! ^ 0x10))).toBeTypeOf(
        'string',
      );
    }
  });

  it('decodeStoredState() refuses bytes between the state and its checksum', () => {
    const longer = new Uint8Array(storedBytes.length + 3);
    longer.set(storedBytes.subarray(0, -CHECKSUM_SIZE));
    new DataView(longer.buffer).setUint32(11, longer.length);
    expect(decodeStoredState(sealed(longer))).toBe('has 3 bytes too many');
  });
});

describe('decodeSnapshot() refuses', () => {
  it('decodeSnapshot() refuses another number of transient slots', () => {
    expect(decodeSnapshot(snapshotBytes, 3)).toBe('has 6 transient slots, configured are 3');
  });

  it('decodeSnapshot() refuses a stored state', () => {
    expect(decodeSnapshot(storedBytes, SLOTS)).toBe('is of kind 1, expected 2');
  });
});

describe('decodeStoredState() and decodeSnapshot() refuse what does not go together', () => {
  it.each<readonly [string, (tpm: Tpm) => void, string]>([
    [
      'a short seed',
      ({ state }) => {
        state.permanent.storageSeed = new Uint8Array(32);
      },
      'has a seed of a wrong size',
    ],
    [
      'a short null seed',
      ({ state }) => {
        state.reset.nullSeed = new Uint8Array(32);
      },
      'has a seed of a wrong size',
    ],
    [
      'a policy of another size than its hash',
      ({ state }) => {
        state.permanent.lockout.authPolicy = new Uint8Array(32);
      },
      'has a policy of another size than its hash',
    ],
    [
      'two objects under one persistent handle',
      ({ state }) => {
        state.permanent.persistentObjects.push(...state.permanent.persistentObjects);
      },
      'has two objects under one persistent handle',
    ],
    [
      'an object under another Name',
      ({ state }) => {
        const [{ object }] = state.permanent.persistentObjects as [PersistentObject];
        const name = object.name.with(5, object.name[5]! ^ 1);
        state.permanent.persistentObjects = [{ handle: 0x8100_0001, object: { ...object, name } }];
      },
      'has an object that is not the one of its Name',
    ],
    [
      'a private key that is zero',
      ({ state }) => {
        const [{ object }] = state.permanent.persistentObjects as [PersistentObject];
        const sensitive = { ...object.sensitive!, sensitive: new Uint8Array(32) };
        state.permanent.persistentObjects = [
          { handle: 0x8100_0001, object: { ...object, sensitive } },
        ];
      },
      'has an object whose key is none',
    ],
    [
      'NV indexes in another order',
      ({ state }) => {
        state.permanent.nvIndexes.reverse();
      },
      'has NV indexes out of order',
    ],
    [
      'an NV index with other than its data',
      ({ state }) => {
        state.permanent.nvIndexes[0]!.data = new Uint8Array(7);
      },
      'has an NV index that cannot be defined',
    ],
    [
      'an NV index with attributes that do not go together',
      ({ state }) => {
        const index = state.permanent.nvIndexes[0]!;
        index.publicArea = { ...index.publicArea, attributes: 0x0006_0000 };
      },
      'has an NV index that cannot be defined',
    ],
    [
      'more in NV than there is room for',
      ({ state }) => {
        const { nvIndexes } = state.permanent;
        const { publicArea } = nvIndexes[0]!;
        for (let nvIndex = 0x0160_0000; nvIndex < 0x0160_0050; nvIndex++) {
          nvIndexes.push({
            publicArea: { ...publicArea, attributes: 0x0006_0006, nvIndex, dataSize: 2048 },
            authValue: new Uint8Array(0),
            data: new Uint8Array(2048),
          });
        }
      },
      'has more in NV than there is room for',
    ],
    [
      'a PCR bank that is too short',
      ({ state }) => {
        const [bank] = state.volatile.pcrBanks;
        state.volatile.pcrBanks[0] = { ...bank!, values: bank!.values.slice(1) };
      },
      'has a PCR bank of a wrong size',
    ],
    [
      'a PCR bank twice',
      ({ state }) => {
        state.volatile.pcrBanks[1] = state.volatile.pcrBanks[0]!;
      },
      'has a PCR bank twice',
    ],
    [
      'two sessions at one place',
      ({ state }) => {
        const { sessions } = state.volatile;
        sessions[1] = { ...sessions[1]!, slot: sessions[0]!.slot };
      },
      'has two sessions at one place',
    ],
    [
      'a session beyond the last place',
      ({ state }) => {
        const { sessions } = state.volatile;
        sessions[1] = { ...sessions[1]!, slot: 64 };
      },
      'has a session without a place',
    ],
    [
      'a loaded session at the place of a saved one',
      ({ state }) => {
        const { sessions } = state.volatile;
        sessions[1] = { ...sessions[1]!, slot: state.reset.savedSessions[0]!.slot };
      },
      'has two sessions at one place',
    ],
    [
      'four loaded sessions',
      ({ state }) => {
        const { sessions } = state.volatile;
        sessions.push({ ...sessions.at(-1)!, slot: 63 });
      },
      'has more sessions than there is room for',
    ],
    [
      'a hash sequence of one hash',
      ({ state }) => {
        state.volatile.hashSequence = state.volatile.hashSequence!.slice(1);
      },
      'has a hash sequence that cannot go on',
    ],
    [
      'a start at locality 5',
      ({ state }) => {
        state.clear.startupLocality = 5;
      },
      'was started at locality 5',
    ],
  ])('decodeSnapshot() refuses %s', (_name, spoil, reason) => {
    const tpm = newTpm();
    applySnapshot(tpm, snapshot(snapshotBytes));
    spoil(tpm);
    expect(decodeSnapshot(encodeSnapshot(tpm), SLOTS)).toBe(reason);
  });

  it('decodeStoredState() refuses saved state that is missing', () => {
    const { permanent } = stored(storedBytes);
    expect(decodeStoredState(encodeStoredState({ permanent, saved: undefined }))).toBe(
      'says of its saved state what is not so',
    );
  });
});

describe('decodeStoredState() and decodeSnapshot() on damaged states', () => {
  /** Changes to bytes of the body, with a checksum that is right again. */
  const damage = fc.array(
    fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xff), fc.nat(255))),
    { minLength: 1, maxLength: 4 },
  );

  function damaged(bytes: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
    const copy = bytes.slice();
    const body = copy.length - CHECKSUM_SIZE - 15;
    for (const [at, value] of changes) copy[15 + (at % body)] = value;
    return sealed(copy);
  }

  it('decodeStoredState() refuses a damaged state or gives one with which a TPM works', () => {
    fc.assert(
      fc.property(damage, (changes) => {
        const state = decodeStoredState(damaged(storedBytes, changes));
        if (typeof state === 'string') return;
        const tpm = newTpm();
        applyStoredState(tpm, state);
        tpm.initialize();
        expect(exerciseTpm(tpm)).toEqual([]);
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  it('decodeSnapshot() refuses a damaged snapshot or gives one from which a TPM goes on', () => {
    fc.assert(
      fc.property(damage, (changes) => {
        const state = decodeSnapshot(damaged(snapshotBytes, changes), SLOTS);
        if (typeof state === 'string' || state.failed) return;
        const tpm = newTpm();
        applySnapshot(tpm, state);
        expect(exerciseTpm(tpm)).toEqual([]);
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  it('decodeStoredState() and decodeSnapshot() never throw on random bytes behind a sound header', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (body, isSnapshot) => {
        const source = isSnapshot ? snapshotBytes : storedBytes;
        const bytes = new Uint8Array(15 + body.length + CHECKSUM_SIZE);
        bytes.set(source.subarray(0, 15));
        bytes.set(body, 15);
        new DataView(bytes.buffer).setUint32(11, bytes.length);
        const decode = isSnapshot ? decodeSnapshot : decodeStoredState;
        expect(decode(sealed(bytes), SLOTS)).toBeTypeOf('string');
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});
