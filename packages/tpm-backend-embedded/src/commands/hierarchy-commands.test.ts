import { readUint32, TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import {
  authorized,
  createKey,
  flush,
  HIERARCHY,
  powerCycle,
  readName,
  startSession,
  startup,
  uint32,
} from '../../test/owned-objects.js';
import { commandBytes, responseCode } from '../../test/password-command.js';
import { SLOT_KIND } from '../state/object-state.js';
import type { PermanentState } from '../state/permanent-state.js';
import type { Tpm } from '../tpm.js';

const RC = {
  AUTH_TYPE: 0x124,
  DISABLED: 0x120,
  AUTH_FAIL: 0x08e,
  BAD_AUTH: 0x9a2,
  HIERARCHY: 0x185,
  NOT_LOADED: 0x910,
  NOT_THERE: 0x18b,
  VALUE: 0x1c4,
} as const;
const { owner, endorsement, platform, platformNV, lockout } = HIERARCHY;
const PASSWORD = Uint8Array.of(0x70, 0x77);

function startedTpm(): Tpm {
  const tpm = freshTpm();
  expect(startup(tpm)).toBe(0);
  return tpm;
}

function control(tpm: Tpm, auth: number, enable: number, state: number, password?: Uint8Array) {
  const parameters = Uint8Array.of(...uint32(enable), state);
  return authorized(tpm, TPM_CC.HierarchyControl, auth, parameters, password);
}

function changeAuth(tpm: Tpm, hierarchy: number, value: Uint8Array, password?: Uint8Array) {
  const parameters = Uint8Array.of(0, value.length, ...value);
  return authorized(tpm, TPM_CC.HierarchyChangeAuth, hierarchy, parameters, password);
}

/** TPMA_STARTUP_CLEAR, as GetCapability shows it: phEnable, shEnable, ehEnable, phEnableNV. */
function enables(tpm: Tpm): string {
  const parameters = Uint8Array.of(...uint32(6), ...uint32(0x201), ...uint32(1));
  const response = tpm.execute(commandBytes({ code: TPM_CC.GetCapability, parameters }), 0);
  return (readUint32(response, 23) & 0xf).toString(2).padStart(4, '0');
}

/** Makes a key of a hierarchy persistent. */
function persist(tpm: Tpm, hierarchy: number, handle: number): void {
  const transient = createKey(tpm, hierarchy);
  const slot = tpm.state.volatile.slots[transient & 0xff];
  if (slot?.kind !== SLOT_KIND.OBJECT) throw new Error('The key is not in its slot');
  tpm.state.permanent.persistentObjects.push({ handle, object: slot.object });
  flush(tpm, transient);
}

/** Which fields of the permanent state differ. */
function changes(before: PermanentState, after: PermanentState): string[] {
  const names = Object.keys(before) as (keyof PermanentState)[];
  return names.filter((name) => {
    try {
      expect(after[name]).toEqual(before[name]);
      return false;
    } catch {
      return true;
    }
  });
}

function code(tpm: Tpm, command: number, handle: number): number {
  return responseCode(
    tpm.execute(
      commandBytes({ code: command, handles: [handle], passwords: [new Uint8Array(0)] }),
      0,
    ),
  );
}

describe('TPM2_HierarchyControl', () => {
  it.each([
    ['owner', 'owner', '1101'],
    ['endorsement', 'endorsement', '1011'],
    ['platform', 'owner', '1101'],
    ['platform', 'endorsement', '1011'],
    ['platform', 'platform', '1110'],
    ['platform', 'platformNV', '0111'],
  ] as const)('TPM2_HierarchyControl by %s switches %s off', (auth, enable, shown) => {
    const tpm = startedTpm();
    expect(enables(tpm)).toBe('1111');
    expect(control(tpm, HIERARCHY[auth], HIERARCHY[enable], 0)).toBe(0);
    expect(enables(tpm)).toBe(shown);
  });

  it.each([
    ['owner', 'endorsement'],
    ['owner', 'platform'],
    ['owner', 'platformNV'],
    ['endorsement', 'owner'],
    ['endorsement', 'platform'],
  ] as const)('TPM2_HierarchyControl by %s may not switch %s', (auth, enable) => {
    const tpm = startedTpm();
    for (const state of [0, 1]) {
      expect(control(tpm, HIERARCHY[auth], HIERARCHY[enable], state)).toBe(RC.AUTH_TYPE);
    }
    expect(enables(tpm)).toBe('1111');
  });

  it('TPM2_HierarchyControl by the platform switches hierarchies on again, but not itself', () => {
    const tpm = startedTpm();
    for (const enable of [owner, endorsement, platformNV]) {
      expect(control(tpm, platform, enable, 0)).toBe(0);
      expect(control(tpm, platform, enable, 1)).toBe(0);
    }
    expect(enables(tpm)).toBe('1111');
    expect(control(tpm, platform, platform, 0)).toBe(0);
    expect(control(tpm, platform, platform, 1)).toBe(RC.HIERARCHY);
    expect(control(tpm, platform, owner, 0)).toBe(RC.HIERARCHY);
  });

  it('TPM2_HierarchyControl off flushes that hierarchy’s loaded objects and hides persistent ones', () => {
    const tpm = startedTpm();
    persist(tpm, owner, 0x8100_0001);
    const keys = [owner, platform, HIERARCHY.null].map((hierarchy) => createKey(tpm, hierarchy));
    expect(control(tpm, owner, owner, 0)).toBe(0);
    expect(keys.map((key) => typeof readName(tpm, key))).toEqual(['number', 'object', 'object']);
    expect(readName(tpm, 0x8100_0001)).toBe(RC.NOT_THERE);
    expect(control(tpm, platform, owner, 1)).toBe(0);
    expect(readName(tpm, 0x8100_0001)).toBeInstanceOf(Uint8Array);
    expect(readName(tpm, keys[0]!)).toBe(RC.NOT_LOADED);
  });

  it('A hierarchy that is off authorizes nothing and comes back at the next TPM Reset', () => {
    const tpm = startedTpm();
    control(tpm, platform, owner, 0);
    control(tpm, platform, platform, 0);
    expect(changeAuth(tpm, owner, PASSWORD)).toBe(RC.HIERARCHY);
    expect(() => createKey(tpm, owner)).toThrow(`${RC.HIERARCHY}`);
    powerCycle(tpm);
    expect(enables(tpm)).toBe('1111');
  });

  it('What TPM2_HierarchyControl switched stays over TPM Resume, except the platform', () => {
    const tpm = startedTpm();
    control(tpm, platform, owner, 0);
    control(tpm, platform, platform, 0);
    expect(powerCycle(tpm, 'resume')).toBe(0);
    expect(enables(tpm)).toBe('1101');
    expect(powerCycle(tpm, 'restart')).toBe(0);
    expect(enables(tpm)).toBe('1111');
  });
});

describe('TPM2_HierarchyChangeAuth', () => {
  it.each(['owner', 'endorsement', 'platform', 'lockout'] as const)(
    'TPM2_HierarchyChangeAuth sets the value of %s, without trailing zeros',
    (name) => {
      const tpm = startedTpm();
      expect(changeAuth(tpm, HIERARCHY[name], Uint8Array.of(...PASSWORD, 0, 0))).toBe(0);
      expect(changeAuth(tpm, HIERARCHY[name], new Uint8Array(0), PASSWORD)).toBe(0);
      expect(changeAuth(tpm, HIERARCHY[name], PASSWORD)).toBe(0);
      expect(changeAuth(tpm, HIERARCHY[name], PASSWORD)).toBe(
        name === 'lockout' ? 0x98e : RC.BAD_AUTH,
      );
    },
  );

  it.each([
    ['owner', 'every start'],
    ['endorsement', 'every start'],
    ['lockout', 'every start'],
    ['platform', 'TPM Resume only'],
  ] as const)('TPM2_HierarchyChangeAuth sets the value of %s for %s', (name, until) => {
    const tpm = startedTpm();
    const hierarchy = HIERARCHY[name];
    const isPermanent = until === 'every start';
    tpm.permanentChanged = false;
    changeAuth(tpm, hierarchy, PASSWORD);
    expect(tpm.permanentChanged).toBe(isPermanent);
    powerCycle(tpm, 'resume');
    expect(changeAuth(tpm, hierarchy, PASSWORD, PASSWORD)).toBe(0);
    powerCycle(tpm, 'reset');
    expect(changeAuth(tpm, hierarchy, PASSWORD, isPermanent ? PASSWORD : new Uint8Array(0))).toBe(
      0,
    );
  });

  it('TPM2_HierarchyChangeAuth takes a value as long as the longest digest and no longer', () => {
    const tpm = startedTpm();
    const longest = new Uint8Array(64).fill(1);
    expect(changeAuth(tpm, owner, longest)).toBe(0);
    expect(changeAuth(tpm, owner, new Uint8Array(65), longest)).toBe(0x1d5);
    expect(changeAuth(tpm, owner, PASSWORD, longest)).toBe(0);
  });
});

describe('TPM2_Clear', () => {
  /** A TPM with traces of an owner everywhere. */
  function used(): Tpm {
    const tpm = startedTpm();
    for (const hierarchy of [owner, endorsement, platform]) {
      createKey(tpm, hierarchy);
    }
    flush(tpm, 0x8000_0002);
    persist(tpm, owner, 0x8100_0001);
    persist(tpm, endorsement, 0x8101_0001);
    persist(tpm, platform, 0x8180_0001);
    createKey(tpm, platform);
    for (const hierarchy of [owner, endorsement, platform]) changeAuth(tpm, hierarchy, PASSWORD);
    Object.assign(tpm.state.permanent, {
      failedTries: 2,
      maxTries: 7,
      recoveryTime: 1,
      lockoutRecovery: 2,
    });
    return tpm;
  }

  it('TPM2_Clear gives new storage seed and proofs, and leaves platform and endorsement seed', () => {
    const tpm = used();
    const before = structuredClone(tpm.state.permanent);
    expect(authorized(tpm, TPM_CC.Clear, platform, undefined, PASSWORD)).toBe(0);
    expect(changes(before, tpm.state.permanent).sort()).toEqual([
      'endorsement',
      'endorsementProof',
      'failedTries',
      'lockoutRecovery',
      'maxTries',
      'owner',
      'persistentObjects',
      'recoveryTime',
      'resetCount',
      'storageProof',
      'storageSeed',
    ]);
    expect(tpm.state.permanent.persistentObjects.map(({ handle }) => handle)).toEqual([
      0x8180_0001,
    ]);
    expect([0, 1, 2].map((slot) => typeof readName(tpm, 0x8000_0000 + slot))).toEqual([
      'number',
      'number',
      'object',
    ]);
  });

  it('TPM2_Clear empties the values of owner, endorsement and lockout, not of the platform', () => {
    const tpm = used();
    changeAuth(tpm, lockout, PASSWORD);
    expect(authorized(tpm, TPM_CC.Clear, lockout, undefined, PASSWORD)).toBe(0);
    const values = [owner, endorsement, lockout].map((one) => changeAuth(tpm, one, PASSWORD));
    expect(values).toEqual([0, 0, 0]);
    expect(changeAuth(tpm, platform, PASSWORD)).toBe(RC.BAD_AUTH);
  });

  it('TPM2_Clear sets clock and counters to zero, counts a change of PCR and keeps sessions', () => {
    const tpm = used();
    powerCycle(tpm, 'restart');
    powerCycle(tpm, 'restart');
    const session = startSession(tpm);
    const counter = tpm.state.reset.pcrCounter;
    tpm.state.permanent.clockSafe = false;
    expect(authorized(tpm, TPM_CC.Clear, platform)).toBe(0);
    const { permanent, reset, volatile } = tpm.state;
    expect(permanent).toMatchObject({ clock: 0n, clockSafe: true, resetCount: 0 });
    expect([volatile.clock, reset.restartCount]).toEqual([0n, 0]);
    expect(reset.pcrCounter).toBe(counter + 1);
    expect(flush(tpm, session)).toBe(0);
  });

  it('TPM2_Clear switches storage and endorsement hierarchy on', () => {
    const tpm = startedTpm();
    for (const enable of [owner, endorsement, platformNV]) control(tpm, platform, enable, 0);
    expect(authorized(tpm, TPM_CC.Clear, platform)).toBe(0);
    expect(enables(tpm)).toBe('0111');
  });

  it('TPM2_Clear changes primaries of the owner, and no key of the endorsement hierarchy', () => {
    const tpm = startedTpm();
    const name = (hierarchy: number): unknown => {
      const handle = createKey(tpm, hierarchy);
      const result = readName(tpm, handle);
      flush(tpm, handle);
      return result;
    };
    const before = [owner, platform].map(name);
    expect(authorized(tpm, TPM_CC.Clear, platform)).toBe(0);
    const after = [owner, platform].map(name);
    expect(after[0]).not.toEqual(before[0]);
    expect(after[1]).toEqual(before[1]);
  });

  it('TPM2_ClearControl switches TPM2_Clear off; on again only by the platform', () => {
    const tpm = startedTpm();
    const clearControl = (auth: number, disable: number): number =>
      authorized(tpm, TPM_CC.ClearControl, auth, Uint8Array.of(disable));
    tpm.permanentChanged = false;
    expect(clearControl(lockout, 1)).toBe(0);
    expect(tpm.permanentChanged).toBe(true);
    const before = structuredClone(tpm.state.permanent);
    expect(code(tpm, TPM_CC.Clear, lockout)).toBe(RC.DISABLED);
    expect(code(tpm, TPM_CC.Clear, platform)).toBe(RC.DISABLED);
    expect(changes(before, tpm.state.permanent)).toEqual([]);
    expect(clearControl(lockout, 0)).toBe(RC.AUTH_FAIL);
    powerCycle(tpm);
    expect(code(tpm, TPM_CC.Clear, platform)).toBe(RC.DISABLED);
    expect(clearControl(platform, 0)).toBe(0);
    expect(code(tpm, TPM_CC.Clear, platform)).toBe(0);
  });
});

describe('TPM2_ChangeEPS and TPM2_ChangePPS', () => {
  it('TPM2_ChangeEPS changes the endorsement hierarchy and nothing else', () => {
    const tpm = startedTpm();
    persist(tpm, endorsement, 0x8101_0001);
    persist(tpm, owner, 0x8100_0001);
    const key = createKey(tpm, endorsement);
    changeAuth(tpm, endorsement, PASSWORD);
    const before = structuredClone(tpm.state.permanent);
    expect(code(tpm, TPM_CC.ChangeEPS, platform)).toBe(0);
    expect(changes(before, tpm.state.permanent).sort()).toEqual([
      'endorsement',
      'endorsementProof',
      'endorsementSeed',
      'persistentObjects',
    ]);
    expect(readName(tpm, key)).toBe(RC.NOT_LOADED);
    expect(readName(tpm, 0x8101_0001)).toBe(RC.NOT_THERE);
    expect(changeAuth(tpm, endorsement, PASSWORD)).toBe(0);
  });

  it('TPM2_ChangeEPS switches the endorsement hierarchy on', () => {
    const tpm = startedTpm();
    control(tpm, platform, endorsement, 0);
    expect(code(tpm, TPM_CC.ChangeEPS, platform)).toBe(0);
    expect(enables(tpm)).toBe('1111');
  });

  it('TPM2_ChangePPS changes the platform hierarchy and keeps its authorization value', () => {
    const tpm = startedTpm();
    persist(tpm, platform, 0x8180_0001);
    const key = createKey(tpm, platform);
    changeAuth(tpm, platform, PASSWORD);
    tpm.state.clear.platform.authPolicy = new Uint8Array(32);
    tpm.state.clear.platform.policyAlg = 0x000b;
    const before = structuredClone(tpm.state.permanent);
    expect(authorized(tpm, TPM_CC.ChangePPS, platform, undefined, PASSWORD)).toBe(0);
    expect(changes(before, tpm.state.permanent).sort()).toEqual([
      'persistentObjects',
      'platformProof',
      'platformSeed',
    ]);
    expect(readName(tpm, key)).toBe(RC.NOT_LOADED);
    expect(tpm.state.clear.platform).toEqual({
      authValue: PASSWORD,
      authPolicy: new Uint8Array(0),
      policyAlg: 0x0010,
    });
  });
});

describe('Hierarchy commands after Shutdown(STATE)', () => {
  it.each([
    ['HierarchyControl that changes', (tpm: Tpm) => control(tpm, platform, owner, 0), RC.VALUE],
    ['HierarchyControl of the platform', (tpm: Tpm) => control(tpm, platform, platform, 0), 0x1c4],
    ['HierarchyControl without a change', (tpm: Tpm) => control(tpm, platform, owner, 1), 0],
    ['HierarchyChangeAuth platform', (tpm: Tpm) => changeAuth(tpm, platform, PASSWORD), RC.VALUE],
    ['HierarchyChangeAuth owner', (tpm: Tpm) => changeAuth(tpm, owner, PASSWORD), 0],
    ['Clear', (tpm: Tpm) => code(tpm, TPM_CC.Clear, platform), RC.VALUE],
    [
      'ClearControl',
      (tpm: Tpm) => authorized(tpm, TPM_CC.ClearControl, platform, Uint8Array.of(1)),
      0,
    ],
    ['ChangeEPS', (tpm: Tpm) => code(tpm, TPM_CC.ChangeEPS, platform), RC.VALUE],
    ['ChangePPS', (tpm: Tpm) => code(tpm, TPM_CC.ChangePPS, platform), RC.VALUE],
  ])('After TPM2_%s a Startup(STATE) works or not, as with swtpm', (_name, run, expected) => {
    const tpm = startedTpm();
    tpm.execute(commandBytes({ code: TPM_CC.Shutdown, parameters: Uint8Array.of(0, 1) }), 0);
    expect(run(tpm)).toBe(0);
    tpm.initialize();
    expect(startup(tpm, 'state')).toBe(expected);
  });
});
