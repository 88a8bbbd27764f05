import { fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import type { TpmVersion } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { bench, request } from '../test/ppi-bench.js';
import { FirmwareInterfaceError } from './error.js';
import { defaultPpiFunctions } from './ppi-executor.js';
import { PPI_FUNCTION, PPI_RESULT } from './ppi-layout.js';
import type { PpiMemory } from './ppi-memory.js';

const recording = await fixtureJson<{
  steps: { action: string; nonZero: Record<string, number> }[];
}>(new URL('../fixtures/ppi-ovmf.json', import.meta.url));

function nonZero(memory: PpiMemory): Record<string, number> {
  const entries = [...memory.bytes.entries()].filter(([, byte]) => byte !== 0);
  return Object.fromEntries(entries.map(([offset, byte]) => [String(offset), byte]));
}

describe('PpiExecutor.initialise()', () => {
  const [powerOn, booted, rebooted] = recording.steps;

  it('PpiExecutor.initialise() leaves the bytes that OVMF left after power-on', () => {
    const { memory, executor } = bench({ applySetting: () => true });
    expect(nonZero(memory)).toEqual(powerOn!.nonZero);
    executor.initialise();
    expect(nonZero(memory)).toEqual(booted!.nonZero);
  });

  it('PpiExecutor leaves the bytes that OVMF left after request 33, parameter 0x1234', async () => {
    const settings: string[] = [];
    const { memory, executor, sent } = bench({
      applySetting: (setting) => settings.push(setting) > 0,
      confirm: () => expect.fail('asked'),
    });
    executor.initialise();
    request(memory, 33, 0x1234);
    executor.initialise();
    const outcome = await executor.execute();
    expect(nonZero(memory)).toEqual(rebooted!.nonZero);
    expect(outcome).toEqual({ status: 'finished', operation: 33, result: 0, resetDue: true });
    expect(settings).toEqual(['logAllDigests']);
    expect(sent()).toEqual([]);
  });

  it('PpiExecutor.initialise() removes stale function bytes and leaves everything else alone', () => {
    const { memory, executor } = bench();
    memory.bytes.fill(0xa5);
    executor.initialise();
    const functions = [...memory.bytes.subarray(0, 256).entries()].filter(([, byte]) => byte !== 0);
    expect(functions).toEqual([0, 5, 14, 21, 22, 23, 24].map((operation) => [operation, 3]));
    expect(memory.bytes.subarray(256).every((byte) => byte === 0xa5)).toBe(true);
  });

  it('PpiExecutor.initialise() clears request, last operation and next step where ppin is 0', () => {
    const { memory, executor } = bench();
    memory.bytes.fill(0xa5);
    memory.setByte('ppin', 0);
    executor.initialise();
    expect(memory.byte('ppin')).toBe(1);
    expect([memory.word('pprq'), memory.word('lppr'), memory.byte('nextStep')]).toEqual([0, 0, 0]);
    expect([memory.word('pprp'), memory.byte('movv')]).toEqual([0xa5a5_a5a5, 0xa5]);
  });

  it('PpiExecutor.initialise() offers no firmware settings where the host has none', () => {
    expect([...defaultPpiFunctions('2.0', false).keys()]).toEqual([0, 5, 14, 21, 22, 23, 24]);
    expect(defaultPpiFunctions('1.2', true).has(33)).toBe(false);
  });

  it.each([
    [new Map([[256, 3]]), 'Offering operation 256 with status 3 failed'],
    [new Map([[-1, 0]]), 'Offering operation -1'],
    [new Map([[5, 5]]), 'Offering operation 5 with status 5 failed'],
    [new Map([[5, 1.5]]), 'with status 1.5'],
    [new Map([[128, 4]]), 'Offering operation 128 failed: this executor can do 0, 5'],
    [new Map([[33, 3]]), 'Offering operation 33 failed'],
    [new Map([[1, 3]]), 'Offering operation 1 failed'],
  ])('PpiExecutor refuses functions %#', (functions, message) => {
    expect(() => bench({ functions })).toThrow(FirmwareInterfaceError);
    expect(() => bench({ functions })).toThrow(message);
  });
});

describe('PpiExecutor.execute() in general', () => {
  it('PpiExecutor.execute() does nothing where nothing is pending', async () => {
    const { memory, executor, sent } = bench();
    memory.setWord('pprp', 7);
    memory.setWord('lppr', 5);
    expect(await executor.execute()).toEqual({ status: 'none-pending', resetDue: false });
    expect([memory.word('pprp'), memory.word('lppr'), sent()]).toEqual([7, 5, []]);
  });

  it.each([
    [1, PPI_RESULT.success],
    [7, PPI_RESULT.success],
    [34, PPI_RESULT.success],
    [35, PPI_RESULT.firmwareFailure],
    [96, PPI_RESULT.firmwareFailure],
    [200, PPI_RESULT.firmwareFailure],
    [0xffff_ffff, PPI_RESULT.firmwareFailure],
  ])(
    'PpiExecutor.execute() of operation %i, not offered, ends with %i',
    async (operation, result) => {
      const { memory, executor, sent } = bench();
      request(memory, operation, 9);
      const outcome = await executor.execute();
      expect(outcome).toEqual({ status: 'finished', operation, result, resetDue: false });
      expect(sent()).toEqual([]);
      expect(memory.word('pprp')).toBe(result);
      expect(memory.word('lppr')).toBe(operation);
      expect([memory.word('pprq'), memory.word('pprm')]).toEqual([0, 0]);
    },
  );

  it.each([PPI_FUNCTION.firmwareOnly, PPI_FUNCTION.blocked])(
    'PpiExecutor.execute() fails an operation of status %i, whatever the guest wrote over it',
    async (status) => {
      const { memory, executor, sent } = bench({ functions: new Map([[5, status]]) });
      memory.bytes[5] = PPI_FUNCTION.allowed;
      request(memory, 5);
      expect(await executor.execute()).toMatchObject({ result: PPI_RESULT.firmwareFailure });
      expect(sent()).toEqual([]);
    },
  );

  it('PpiExecutor.execute() asks with the request and ends with user abort on a no', async () => {
    const asked: unknown[] = [];
    const { memory, executor, sent } = bench({
      confirm: async (question) => {
        asked.push(question);
        return false;
      },
    });
    request(memory, 23, 3);
    memory.bytes[23] = PPI_FUNCTION.allowed;
    const outcome = await executor.execute();
    expect(asked).toEqual([{ operation: 23, name: 'setPcrBanks', parameter: 3 }]);
    expect(outcome).toMatchObject({ result: PPI_RESULT.userAbort, resetDue: false });
    expect([memory.word('pprp'), memory.word('lppr'), memory.word('pprq'), sent()]).toEqual([
      PPI_RESULT.userAbort,
      23,
      0,
      [],
    ]);
  });

  it('PpiExecutor.execute() finds nobody present without confirm', async () => {
    const { memory, executor } = bench({ confirm: undefined });
    request(memory, 5);
    expect(await executor.execute()).toMatchObject({ result: PPI_RESULT.userAbort });
  });

  it('PpiExecutor.execute() asks nobody for an operation of status allowed', async () => {
    const { memory, executor } = bench({
      functions: new Map([[5, PPI_FUNCTION.allowed]]),
      confirm: () => expect.fail('asked'),
    });
    request(memory, 5);
    expect(await executor.execute()).toMatchObject({ result: 0, resetDue: true });
  });

  it('PpiExecutor.execute() passes on what confirm throws and keeps the request', async () => {
    const { memory, executor } = bench({
      confirm: () => {
        throw new Error('no console');
      },
    });
    request(memory, 5, 1);
    await expect(executor.execute()).rejects.toThrow('no console');
    expect([memory.word('pprq'), memory.word('pprm')]).toEqual([5, 1]);
  });

  it('PpiExecutor.execute() joins a call during another one', async () => {
    const { memory, executor, sent } = bench();
    request(memory, 5);
    const [one, other] = await Promise.all([executor.execute(), executor.execute()]);
    expect(other).toBe(one);
    expect(sent()).toHaveLength(4);
  });

  it.each([
    ['logAllDigests', 33],
    ['enableBlockSid', 96],
    ['disableBlockSid', 97],
  ])('PpiExecutor.execute() reports that the host could not change %s', async (name, operation) => {
    const settings: string[] = [];
    const applySetting = (setting: string) => {
      settings.push(setting);
      return false;
    };
    const { memory, executor } = bench({ applySetting });
    request(memory, operation);
    expect(await executor.execute()).toMatchObject({ result: PPI_RESULT.firmwareFailure });
    expect(settings).toEqual([name]);
  });
});

describe('PpiExecutor.execute() and hostile memory and TPMs', () => {
  it('PpiExecutor.execute() ends, whatever memory holds and the TPM answers', async () => {
    const answer = fc
      .uint8Array({ maxLength: 60 })
      .map((body) =>
        toHex(Uint8Array.of(...fromHex('8001'), 0, 0, 0, body.length + 10, 0, 0, 0, 0, ...body)),
      );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<TpmVersion>('1.2', '2.0'),
        fc.uint8Array({ minLength: 0x400, maxLength: 0x400 }),
        fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 0xffff_ffff })),
        fc.array(answer, { maxLength: 8 }),
        async (tpmVersion, bytes, operation, responses) => {
          const { memory, executor } = bench({ tpmVersion, responses });
          memory.bytes.set(bytes);
          request(memory, operation, memory.word('pprm'));
          executor.initialise();
          for (let parts = 0; (await executor.execute()).status === 'unfinished'; parts++) {
            expect(parts).toBeLessThan(2);
          }
          expect(memory.word('pprq')).toBe(0);
        },
      ),
    );
  });
});
