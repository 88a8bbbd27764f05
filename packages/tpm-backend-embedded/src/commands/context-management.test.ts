import fc from 'fast-check';
import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm, RepeatableRandom } from '../../test/fresh-tpm.js';
import {
  authorized,
  createKey,
  flush,
  HIERARCHY,
  loadContext,
  powerCycle,
  readName,
  saveContext,
  startSession,
  startup,
  uint32,
} from '../../test/owned-objects.js';
import { commandBytes, responseCode } from '../../test/password-command.js';
import type { Tpm } from '../tpm.js';

const RC = {
  OBJECT_MEMORY: 0x902,
  SESSION_MEMORY: 0x903,
  CONTEXT_GAP: 0x901,
  NOT_LOADED: 0x910,
  FLUSH_HANDLE: 0x1cb,
  INTEGRITY: 0x1df,
  SIZE: 0x1d5,
  VALUE: 0x1c4,
  HIERARCHY: 0x1c5,
} as const;
const NULL = HIERARCHY.null;

function startedTpm(): Tpm {
  const tpm = freshTpm();
  expect(startup(tpm)).toBe(0);
  return tpm;
}

function saved(tpm: Tpm, handle: number): Uint8Array {
  const context = saveContext(tpm, handle);
  if (typeof context === 'number') throw new Error(`ContextSave was refused with ${context}`);
  return context;
}

function startSequence(tpm: Tpm): number {
  const parameters = Uint8Array.of(0, 0, 0, 11);
  const command = commandBytes({ code: TPM_CC.HashSequenceStart, parameters });
  const view = new DataView(tpm.execute(command, 0).buffer);
  return view.getUint32(10);
}

function savedHandle(context: Uint8Array): number {
  return new DataView(context.buffer).getUint32(8);
}

function sequenceNumber(context: Uint8Array): bigint {
  return new DataView(context.buffer).getBigUint64(0);
}

describe('TPM2_ContextSave', () => {
  it('TPM2_ContextSave tells ordinary objects, sequences, stClear objects and sessions apart', () => {
    const tpm = startedTpm();
    const handles = [
      createKey(tpm, HIERARCHY.owner),
      startSequence(tpm),
      createKey(tpm, HIERARCHY.owner, { stClear: true }),
      startSession(tpm, 'hmac'),
      startSession(tpm, 'policy'),
      startSession(tpm, 'trial'),
    ];
    expect(handles.map((handle) => savedHandle(saved(tpm, handle)))).toEqual([
      0x8000_0000, 0x8000_0001, 0x8000_0002, 0x0200_0000, 0x0300_0001, 0x0300_0002,
    ]);
  });

  it('TPM2_ContextSave numbers objects from 1 and sessions from 4, each on their own', () => {
    const tpm = startedTpm();
    const key = createKey(tpm, NULL);
    const first = startSession(tpm);
    const second = startSession(tpm);
    const numbers = [key, first, key, second, key].map((one) => sequenceNumber(saved(tpm, one)));
    expect(numbers).toEqual([1n, 4n, 2n, 5n, 3n]);
  });

  it('TPM2_ContextSave of an object leaves it loaded, of a session does not', () => {
    const tpm = startedTpm();
    const key = createKey(tpm, NULL);
    const session = startSession(tpm);
    saved(tpm, key);
    saved(tpm, session);
    expect(saveContext(tpm, key)).toBeInstanceOf(Uint8Array);
    expect(saveContext(tpm, session)).toBe(RC.NOT_LOADED);
  });

  it.each([
    ['an empty slot', 0x8000_0001, 0x910],
    ['a slot beyond the last', 0x8000_0003, 0x184],
    ['a session that is not there', 0x0200_0001, 0x910],
    ['a session slot beyond the last', 0x0200_0040, 0x184],
    ['the handle of the other session type', 0x0300_0000, 0x18b],
    ['a persistent handle', 0x8100_0000, 0x184],
    ['a PCR', 0, 0x184],
  ])('TPM2_ContextSave refuses %s', (_what, handle, code) => {
    const tpm = startedTpm();
    createKey(tpm, NULL);
    startSession(tpm);
    expect(saveContext(tpm, handle)).toBe(code);
  });

  it('TPM2_ContextSave undoes Shutdown(STATE), TPM2_ContextLoad of an object does not', () => {
    const tpm = startedTpm();
    const context = saved(tpm, createKey(tpm, HIERARCHY.owner));
    const shutdown = commandBytes({ code: TPM_CC.Shutdown, parameters: Uint8Array.of(0, 1) });
    tpm.execute(shutdown, 0);
    loadContext(tpm, context);
    tpm.initialize();
    expect(startup(tpm, 'state')).toBe(0);
    const handle = loadContext(tpm, context);
    tpm.execute(shutdown, 0);
    saved(tpm, handle);
    tpm.initialize();
    expect(startup(tpm, 'state')).toBe(RC.VALUE);
  });
});

describe('TPM2_ContextLoad', () => {
  it('TPM2_ContextLoad brings an object back as it was, as often as there are slots', () => {
    const tpm = startedTpm();
    const key = createKey(tpm, HIERARCHY.endorsement);
    const name = readName(tpm, key);
    const context = saved(tpm, key);
    expect(loadContext(tpm, context)).toBe(0x8000_0001);
    expect(loadContext(tpm, context)).toBe(0x8000_0002);
    expect(loadContext(tpm, context)).toBe(RC.OBJECT_MEMORY);
    expect(readName(tpm, 0x8000_0002)).toEqual(name);
    expect(tpm.state.volatile.slots[1]).toEqual(tpm.state.volatile.slots[0]);
  });

  it('TPM2_ContextLoad brings a sequence back with the data it has taken', () => {
    const tpm = startedTpm();
    const sequence = startSequence(tpm);
    const step = (code: number, rest: readonly number[]): Uint8Array =>
      tpm.execute(
        commandBytes({
          code,
          handles: [sequence],
          passwords: [new Uint8Array(0)],
          parameters: Uint8Array.from(rest),
        }),
        0,
      );
    step(TPM_CC.SequenceUpdate, [0, 2, 0x61, 0x62]);
    const context = saved(tpm, sequence);
    const end = [0, 1, 0x63, 0x40, 0, 0, 7];
    const digest = step(TPM_CC.SequenceComplete, end);
    expect(responseCode(digest)).toBe(0);
    expect(loadContext(tpm, context)).toBe(sequence);
    expect(step(TPM_CC.SequenceComplete, end)).toEqual(digest);
  });

  it('TPM2_ContextLoad brings a session back once, with its nonce and key', () => {
    const tpm = startedTpm();
    const handle = startSession(tpm, 'policy');
    const before = structuredClone(tpm.state.volatile.sessions);
    const context = saved(tpm, handle);
    expect(tpm.state.volatile.sessions).toEqual([]);
    expect(loadContext(tpm, context)).toBe(handle);
    expect(tpm.state.volatile.sessions).toEqual(before);
    expect(loadContext(tpm, context)).toBe(RC.FLUSH_HANDLE);
    const again = saved(tpm, handle);
    expect(loadContext(tpm, context)).toBe(RC.FLUSH_HANDLE);
    expect(loadContext(tpm, again)).toBe(handle);
  });

  it('TPM2_ContextLoad of a session needs one of the three places', () => {
    const tpm = startedTpm();
    const context = saved(tpm, startSession(tpm));
    const others = [startSession(tpm), startSession(tpm), startSession(tpm)];
    expect(others).toEqual([0x0200_0001, 0x0200_0002, 0x0200_0003]);
    expect(loadContext(tpm, context)).toBe(RC.SESSION_MEMORY);
    expect(flush(tpm, 0x0200_0002)).toBe(0);
    expect(loadContext(tpm, context)).toBe(0x0200_0000);
  });

  it('TPM2_ContextLoad refuses a context of which any byte was changed', () => {
    const tpm = startedTpm();
    const contexts = [
      saved(tpm, createKey(tpm, HIERARCHY.owner)),
      saved(tpm, createKey(tpm, NULL, { stClear: true })),
      saved(tpm, startSession(tpm)),
    ];
    for (const context of contexts) {
      for (let offset = 0; offset < context.length; offset++) {
        const changed = context.slice();
        changed[offset]! ^= 1;
        expect([RC.INTEGRITY, RC.SIZE, RC.VALUE, 0x095, 0x1da]).toContain(
          loadContext(tpm, changed),
        );
      }
    }
    expect(loadContext(tpm, contexts[2]!)).toBe(0x0200_0000);
  });

  it('TPM2_ContextLoad refuses what is no context', () => {
    const tpm = startedTpm();
    createKey(tpm, NULL);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (blob, isSession) => {
        const parameters = Uint8Array.from([
          ...[0, 0, 0, 0, 0, 0, 0, 1, isSession ? 2 : 0x80, 0, 0, 0, 0x40, 0, 0, 7],
          ...[0, blob.length, ...blob],
        ]);
        expect([RC.INTEGRITY, RC.SIZE, 0x1da]).toContain(loadContext(tpm, parameters));
      }),
      { seed: Number(process.env.TPMDEV_SEED ?? 1) },
    );
    expect(tpm.failure).toBeUndefined();
  });

  it('TPM2_ContextLoad refuses an object whose hierarchy is off', () => {
    const tpm = startedTpm();
    const context = saved(tpm, createKey(tpm, HIERARCHY.owner));
    const control = (state: number): number =>
      authorized(
        tpm,
        TPM_CC.HierarchyControl,
        HIERARCHY.platform,
        Uint8Array.of(...uint32(HIERARCHY.owner), state),
      );
    expect(control(0)).toBe(0);
    expect(loadContext(tpm, context)).toBe(RC.HIERARCHY);
    expect(control(1)).toBe(0);
    expect(loadContext(tpm, context)).toBe(0x8000_0000);
  });

  it('TPM2_ContextLoad of another TPM is refused', () => {
    const other = freshTpm({ random: new RepeatableRandom(2) });
    startup(other);
    const context = saved(other, createKey(other, HIERARCHY.owner));
    expect(loadContext(startedTpm(), context)).toBe(RC.INTEGRITY);
  });
});

describe('Contexts over power cycles', () => {
  const kinds = {
    owner: (tpm: Tpm) => createKey(tpm, HIERARCHY.owner),
    platform: (tpm: Tpm) => createKey(tpm, HIERARCHY.platform),
    null: (tpm: Tpm) => createKey(tpm, NULL),
    stClear: (tpm: Tpm) => createKey(tpm, HIERARCHY.owner, { stClear: true }),
    sequence: startSequence,
    session: (tpm: Tpm) => startSession(tpm),
  } as const;

  it.each([
    ['owner', 'resume', true],
    ['owner', 'restart', true],
    ['owner', 'reset', false],
    ['owner', 'disorderly', false],
    ['platform', 'restart', true],
    ['platform', 'reset', false],
    ['null', 'resume', true],
    ['null', 'restart', true],
    ['null', 'reset', false],
    ['stClear', 'resume', true],
    ['stClear', 'restart', false],
    ['stClear', 'reset', false],
    ['sequence', 'resume', true],
    ['sequence', 'reset', false],
    ['session', 'resume', true],
    ['session', 'restart', true],
    ['session', 'reset', false],
    ['session', 'disorderly', false],
  ] as const)('A context of kind %s after %s is valid: %s', (kind, cycle, isValid) => {
    const tpm = startedTpm();
    const handle = kinds[kind](tpm);
    const context = saved(tpm, handle);
    expect(powerCycle(tpm, cycle)).toBe(0);
    expect(loadContext(tpm, context)).toBe(isValid ? handle : RC.INTEGRITY);
  });

  it('Contexts of storage and endorsement objects die with TPM2_Clear, others do not', () => {
    const tpm = startedTpm();
    const contexts = [HIERARCHY.owner, HIERARCHY.endorsement, HIERARCHY.platform, NULL].map(
      (hierarchy) => {
        const handle = createKey(tpm, hierarchy);
        const context = saved(tpm, handle);
        flush(tpm, handle);
        return context;
      },
    );
    expect(authorized(tpm, TPM_CC.Clear, HIERARCHY.lockout)).toBe(0);
    const codes = contexts.map((context) => loadContext(tpm, context));
    expect(codes).toEqual([RC.INTEGRITY, RC.INTEGRITY, 0x8000_0000, 0x8000_0001]);
  });

  it('Loaded objects and sessions are gone after every start', () => {
    for (const cycle of ['resume', 'restart', 'reset'] as const) {
      const tpm = startedTpm();
      createKey(tpm, HIERARCHY.owner);
      const session = startSession(tpm);
      expect(powerCycle(tpm, cycle)).toBe(0);
      expect(readName(tpm, 0x8000_0000)).toBe(RC.NOT_LOADED);
      expect(flush(tpm, session)).toBe(RC.FLUSH_HANDLE);
    }
  });
});

describe('TPM2_FlushContext', () => {
  it('TPM2_FlushContext ends a saved session, whose context is dead then', () => {
    const tpm = startedTpm();
    const session = startSession(tpm);
    const context = saved(tpm, session);
    expect(flush(tpm, session)).toBe(0);
    expect(loadContext(tpm, context)).toBe(RC.FLUSH_HANDLE);
    expect(startSession(tpm)).toBe(session);
    expect(loadContext(tpm, context)).toBe(RC.FLUSH_HANDLE);
  });

  it('TPM2_FlushContext takes a session by the handle of the other type', () => {
    const tpm = startedTpm();
    startSession(tpm, 'hmac');
    expect(flush(tpm, 0x0300_0000)).toBe(0);
    saved(tpm, startSession(tpm, 'policy'));
    expect(flush(tpm, 0x0200_0000)).toBe(0);
    expect(flush(tpm, 0x0200_0000)).toBe(RC.FLUSH_HANDLE);
  });

  it.each([
    ['an empty slot', 0x8000_0001, RC.FLUSH_HANDLE],
    ['a slot beyond the last', 0x8000_0003, RC.VALUE],
    ['a session that is not there', 0x0200_0005, RC.FLUSH_HANDLE],
    ['a persistent handle', 0x8100_0000, RC.VALUE],
    ['a hierarchy', HIERARCHY.owner, RC.VALUE],
  ])('TPM2_FlushContext refuses %s', (_what, handle, code) => {
    expect(flush(startedTpm(), handle)).toBe(code);
  });
});

describe('The context gap', () => {
  /** A TPM whose session in slot 0 was saved so long ago that no other can be saved. */
  function withFullGap(): { tpm: Tpm; oldest: Uint8Array; loaded: number } {
    const tpm = startedTpm();
    const oldest = saved(tpm, startSession(tpm));
    tpm.state.reset.sessionContextCounter = 4n + 0xffffn - 1n;
    const loaded = startSession(tpm);
    const context = saved(tpm, loaded);
    expect(loadContext(tpm, context)).toBe(loaded);
    return { tpm, oldest, loaded };
  }

  it('TPM2_ContextSave of a session waits for the one saved first when they lie too far apart', () => {
    const { tpm, oldest, loaded } = withFullGap();
    expect(saveContext(tpm, loaded)).toBe(RC.CONTEXT_GAP);
    expect(loadContext(tpm, oldest)).toBe(0x0200_0000);
    expect(saveContext(tpm, loaded)).toBeInstanceOf(Uint8Array);
  });

  it('The last place is then kept for the session that was saved first', () => {
    const { tpm, oldest } = withFullGap();
    expect(startSession(tpm)).toBe(0x0200_0002);
    expect(startSession(tpm)).toBe(RC.CONTEXT_GAP);
    expect(loadContext(tpm, oldest)).toBe(0x0200_0000);
  });

  it('TPM2_FlushContext of the session that was saved first ends the wait too', () => {
    const { tpm, loaded } = withFullGap();
    expect(flush(tpm, 0x0200_0000)).toBe(0);
    expect(saveContext(tpm, loaded)).toBeInstanceOf(Uint8Array);
  });
});
