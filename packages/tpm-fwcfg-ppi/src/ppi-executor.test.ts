import { readFileSync } from 'node:fs';
import { fromHex, ScriptedBackend, toHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import type { TpmVersion } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { FirmwareInterfaceError } from './error.js';
import { defaultPpiFunctions, PpiExecutor, type PpiExecutorOptions } from './ppi-executor.js';
import { PPI_FUNCTION, PPI_RESULT } from './ppi-layout.js';
import { PpiMemory } from './ppi-memory.js';

const STARTUP = '80010000000c000001440000';
const SHUTDOWN = '80010000000c000001450000';
const SUCCESS = '80010000000a00000000';
const SUCCESS12 = '00c40000000a00000000';
/** Handle of the platform hierarchy and an empty password. */
const PLATFORM = '4000000c00000009400000090000000000';
const CLEAR_CONTROL = `80020000001c00000127${PLATFORM}00`;
const CLEAR = `80020000001b00000126${PLATFORM}`;
/** TPM_PERMANENT_FLAGS with or without physicalPresenceCMDEnable. */
const flags = (commandEnable: boolean) =>
  `00c40000002400000000${'00000016'}001f0001000100010000${commandEnable ? '01' : '00'}${'00'.repeat(11)}`;

interface Bench {
  readonly memory: PpiMemory;
  readonly backend: ScriptedBackend;
  readonly executor: PpiExecutor;
  /** What was sent, in order. */
  sent(): string[];
}

function bench(
  options: Partial<PpiExecutorOptions> & {
    readonly tpmVersion?: TpmVersion;
    readonly responses?: readonly string[];
  } = {},
): Bench {
  const { tpmVersion = '2.0', responses = [], ...rest } = options;
  const memory = new PpiMemory();
  const backend = new ScriptedBackend({ tpmVersion, responses });
  const executor = new PpiExecutor({ memory, backend, confirm: () => true, ...rest });
  return {
    memory,
    backend,
    executor,
    sent: () => backend.exchanges.map(({ command }) => command),
  };
}

function request(memory: PpiMemory, operation: number, parameter = 0): void {
  memory.setWord('pprq', operation);
  memory.setWord('pprm', parameter);
}

function nonZero(memory: PpiMemory): Record<string, number> {
  const entries = [...memory.bytes.entries()].filter(([, byte]) => byte !== 0);
  return Object.fromEntries(entries.map(([offset, byte]) => [String(offset), byte]));
}

/** TPM2_GetCapability(TPM_CAP_PCRS): banks of 24 PCRs. */
function pcrBanks(...algorithms: string[]): string {
  const banks = algorithms.map((algorithm) => `${algorithm}03ffffff`).join('');
  const body = `0000000005${algorithms.length.toString(16).padStart(8, '0')}${banks}`;
  return `8001${(10 + body.length / 2).toString(16).padStart(8, '0')}00000000${body}`;
}

/** Response of TPM2_PCR_Allocate. */
const allocated = (success: string) =>
  `8002000000200000000000000 00d${success}00000018000000600000100000 0000 01 0000`.replaceAll(
    ' ',
    '',
  );

describe('PpiExecutor.initialise()', () => {
  const recording: {
    steps: { action: string; nonZero: Record<string, number> }[];
  } = JSON.parse(readFileSync(new URL('../fixtures/ppi-ovmf.json', import.meta.url), 'utf8'));
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

describe('PpiExecutor.execute() with a TPM 2.0', () => {
  it.each([5, 14, 21, 22])('PpiExecutor.execute() of operation %i clears', async (operation) => {
    const { memory, executor, sent } = bench();
    request(memory, operation);
    expect(await executor.execute()).toEqual({
      status: 'finished',
      operation,
      result: 0,
      resetDue: true,
    });
    expect(sent()).toEqual([STARTUP, CLEAR_CONTROL, CLEAR, SHUTDOWN]);
  });

  it('PpiExecutor.execute() of operation 24 changes the endorsement seed', async () => {
    const { memory, executor, sent } = bench();
    request(memory, 24);
    expect(await executor.execute()).toMatchObject({ result: 0 });
    expect(sent()).toEqual([STARTUP, `80020000001b00000124${PLATFORM}`, SHUTDOWN]);
  });

  it('PpiExecutor.execute() of operation 23 allocates the wanted banks and no others', async () => {
    const responses = [SUCCESS, pcrBanks('0004', '000b', '000c', '0027'), allocated('01')];
    const { memory, executor, sent } = bench({ responses });
    request(memory, 23, 0x06);
    expect(await executor.execute()).toMatchObject({ result: 0, resetDue: true });
    expect(sent()).toEqual([
      STARTUP,
      '8001000000160000017a000000050000000000000001',
      `80020000003100000 12b${PLATFORM}00000003${'000403000000'}${'000b03ffffff'}${'000c03ffffff'}`.replace(
        ' ',
        '',
      ),
      SHUTDOWN,
    ]);
  });

  it.each([
    ['no bank', 0, pcrBanks('0004', '000b')],
    ['a bank that the TPM lacks', 0x0a, pcrBanks('0004', '000b')],
    ['a bank without an algorithm', 0x100, pcrBanks('0004', '000b')],
    ['a short list', 2, '8001000000110000000000000000050000'],
    ['too many banks', 2, '80010000001300000000000000000500001000'],
    ['a huge bitmap', 2, '8001000000160000000000000000050000000 1000bff'.replace(' ', '')],
    ['another capability', 2, pcrBanks('000b').replace('0000000005', '0000000006')],
    ['a failure response', 2, '00c40000000a00000009'],
  ])(
    'PpiExecutor.execute() of operation 23 allocates nothing with %s',
    async (what, parameter, answer) => {
      const { memory, executor, sent } = bench({ responses: [SUCCESS, answer] });
      request(memory, 23, parameter);
      const expected = what === 'a failure response' ? 9 : PPI_RESULT.firmwareFailure;
      expect(await executor.execute()).toMatchObject({ result: expected });
      expect(sent().filter((command) => command.slice(12, 20) === '0000012b')).toEqual([]);
      expect(sent().at(-1)).toBe(SHUTDOWN);
    },
  );

  it('PpiExecutor.execute() of operation 23 fails where the TPM has no room', async () => {
    const responses = [SUCCESS, pcrBanks('000b'), allocated('00')];
    const { memory, executor } = bench({ responses });
    request(memory, 23, 2);
    expect(await executor.execute()).toMatchObject({ result: PPI_RESULT.firmwareFailure });
  });

  it.each([
    ['a started TPM', '80010000000a00000100', 0, 4],
    ['a TPM in failure mode', '80010000000a00000101', 0x101, 1],
    ['a code beyond 12 bits', '80010000000a80280400', PPI_RESULT.firmwareFailure, 1],
  ])('PpiExecutor.execute() meets %s', async (_what, startup, result, commands) => {
    const { memory, executor, sent } = bench({ responses: [startup] });
    request(memory, 5);
    expect(await executor.execute()).toMatchObject({ result, resetDue: true });
    expect(sent()).toHaveLength(commands);
  });

  it('PpiExecutor.execute() writes the response code of a refused command', async () => {
    const { memory, executor, sent } = bench({ responses: [SUCCESS, '80010000000a000009a2'] });
    request(memory, 5);
    expect(await executor.execute()).toMatchObject({ result: 0x9a2 });
    expect(memory.word('pprp')).toBe(0x9a2);
    expect(sent()).toEqual([STARTUP, CLEAR_CONTROL, SHUTDOWN]);
  });

  it('PpiExecutor.execute() ends with firmware failure when the back end is dead', async () => {
    const { memory, backend, executor } = bench();
    backend.fail();
    request(memory, 24);
    expect(await executor.execute()).toMatchObject({ result: PPI_RESULT.firmwareFailure });
    expect(memory.word('pprq')).toBe(0);
  });
});

describe('PpiExecutor.execute() with a TPM 1.2', () => {
  const CYCLE = [
    '00c10000000c000000990001',
    '00c100000016000000650000000400000004 00000108'.replace(' ', ''),
  ];
  const presence = (value: string) => `00c10000000c4000000a${value}`;
  const ENABLE = '00c10000000a0000006f';
  const DISABLE = '00c10000000a00000070';
  const ACTIVATE = '00c10000000b0000007200';
  const DEACTIVATE = '00c10000000b0000007201';
  const FORCE_CLEAR = '00c10000000a0000005d';
  const OWNER_INSTALL = '00c10000000b0000007101';
  const NO_OWNER_INSTALL = '00c10000000b0000007100';
  const whilePresent = (...steps: string[]) => [
    ...CYCLE,
    ...['0020', '0008'].map(presence),
    ...steps,
    ...['0010', '0100'].map(presence),
  ];
  /** Startup, flags, then successes. */
  const part = (steps: number) => [SUCCESS12, flags(false), ...Array(steps + 4).fill(SUCCESS12)];

  it.each([
    [1, [[ENABLE]]],
    [2, [[DISABLE]]],
    [3, [[ACTIVATE]]],
    [4, [[DEACTIVATE]]],
    [5, [[FORCE_CLEAR]]],
    [6, [[ENABLE, ACTIVATE]]],
    [7, [[DEACTIVATE, DISABLE]]],
    [8, [[OWNER_INSTALL]]],
    [9, [[NO_OWNER_INSTALL]]],
    [10, [[ENABLE, ACTIVATE], [OWNER_INSTALL]]],
    [11, [[NO_OWNER_INSTALL, DEACTIVATE, DISABLE]]],
    [14, [[FORCE_CLEAR, ENABLE, ACTIVATE]]],
    [21, [[ENABLE, ACTIVATE], [FORCE_CLEAR]]],
    [
      22,
      [
        [ENABLE, ACTIVATE],
        [FORCE_CLEAR, ENABLE, ACTIVATE],
      ],
    ],
  ])(
    'PpiExecutor.execute() of operation %i takes its steps with presence',
    async (operation, parts) => {
      let asked = 0;
      const { memory, executor, sent } = bench({
        tpmVersion: '1.2',
        confirm: () => ++asked > 0,
        responses: parts.flatMap((steps) => part(steps.length)),
      });
      request(memory, operation);
      for (let left = parts.length; left > 1; left--) {
        const outcome = await executor.execute();
        expect(outcome).toEqual({ status: 'unfinished', operation, resetDue: true });
        expect([memory.word('pprq'), memory.word('lppr')]).toEqual([operation, 0]);
      }
      const outcome = await executor.execute();
      expect(outcome).toEqual({ status: 'finished', operation, result: 0, resetDue: true });
      expect(sent()).toEqual(parts.flatMap((steps) => whilePresent(...steps)));
      expect(asked).toBe(1);
      expect(memory.word('lppr')).toBe(operation);
    },
  );

  it('PpiExecutor.execute() asks again when the guest exchanged an interrupted request', async () => {
    const asked: number[] = [];
    const { memory, executor, sent } = bench({
      tpmVersion: '1.2',
      confirm: ({ operation }) => asked.push(operation) === 1,
      responses: part(2),
    });
    request(memory, 21);
    await executor.execute();
    request(memory, 5);
    memory.setByte('nextStep', 5);
    expect(await executor.execute()).toMatchObject({ result: PPI_RESULT.userAbort });
    request(memory, 21);
    expect(await executor.execute()).toMatchObject({ result: PPI_RESULT.userAbort });
    expect(asked).toEqual([21, 5, 21]);
    expect(sent().filter((command) => command === FORCE_CLEAR)).toEqual([]);
  });

  it('PpiExecutor.execute() leaves command presence enabled where it was', async () => {
    const responses = [SUCCESS12, flags(true), ...Array(3).fill(SUCCESS12)];
    const { memory, executor, sent } = bench({ tpmVersion: '1.2', responses });
    request(memory, 1);
    expect(await executor.execute()).toMatchObject({ result: 0 });
    expect(sent()).toEqual([...CYCLE, presence('0008'), ENABLE, presence('0010')]);
  });

  it('PpiExecutor.execute() withdraws presence also after a refused step', async () => {
    const responses = [SUCCESS12, flags(false), SUCCESS12, SUCCESS12, '00c40000000a00000007'];
    const { memory, executor, sent } = bench({ tpmVersion: '1.2', responses });
    request(memory, 14);
    expect(await executor.execute()).toMatchObject({ result: 7, resetDue: true });
    expect(sent()).toEqual(whilePresent(FORCE_CLEAR));
  });

  it.each([
    ['startup', ['00c40000000a0000001c'], 0x1c, 1],
    ['the flags', [SUCCESS12, '00c40000000a00000009'], 9, 2],
    ['enabling presence', [SUCCESS12, flags(false), '00c40000000a00000003'], 3, 3],
    ['asserting it', [SUCCESS12, flags(true), '00c40000000a0000002d'], 0x2d, 4],
    [
      'withdrawing it',
      [SUCCESS12, flags(true), SUCCESS12, SUCCESS12, '00c40000000a00000003'],
      3,
      5,
    ],
  ])(
    'PpiExecutor.execute() reports a refusal of %s',
    async (_what, responses, result, commands) => {
      const { memory, executor, sent } = bench({ tpmVersion: '1.2', responses });
      request(memory, 1);
      expect(await executor.execute()).toMatchObject({ result });
      expect(sent()).toHaveLength(commands);
    },
  );

  it('PpiExecutor.execute() goes on with a TPM that was started', async () => {
    const responses = ['00c40000000a00000026', flags(true)];
    const { memory, executor, sent } = bench({ tpmVersion: '1.2', responses });
    request(memory, 1);
    expect(await executor.execute()).toMatchObject({ result: 0 });
    expect(sent()).toHaveLength(5);
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
