import { describe, expect, it } from 'vitest';
import { bench, request } from '../test/ppi-bench.js';
import { PPI_RESULT } from './ppi-layout.js';

const SUCCESS12 = '00c40000000a00000000';
/** TPM_PERMANENT_FLAGS with or without physicalPresenceCMDEnable. */
const flags = (commandEnable: boolean) =>
  `00c40000002400000000${'00000016'}001f0001000100010000${commandEnable ? '01' : '00'}${'00'.repeat(11)}`;

describe('PpiExecutor.execute() with a TPM 1.2', () => {
  const CYCLE = ['00c10000000c000000990001', '00c10000001600000065000000040000000400000108'];
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
