import { describe, expect, it } from 'vitest';
import { bench, request } from '../test/ppi-bench.js';
import { PPI_RESULT } from './ppi-layout.js';

const STARTUP = '80010000000c000001440000';
const SHUTDOWN = '80010000000c000001450000';
const SUCCESS = '80010000000a00000000';
/** Handle of the platform hierarchy and an empty password. */
const PLATFORM = '4000000c00000009400000090000000000';
const CLEAR_CONTROL = `80020000001c00000127${PLATFORM}00`;
const CLEAR = `80020000001b00000126${PLATFORM}`;
/** TPM2_GetCapability(TPM_CAP_PCRS): banks of 24 PCRs. */
function pcrBanks(...algorithms: string[]): string {
  const banks = algorithms.map((algorithm) => `${algorithm}03ffffff`).join('');
  const body = `0000000005${algorithms.length.toString(16).padStart(8, '0')}${banks}`;
  return `8001${(10 + body.length / 2).toString(16).padStart(8, '0')}00000000${body}`;
}

/** Response of TPM2_PCR_Allocate. */
const allocated = (success: string) =>
  [
    '8002',
    '00000020',
    '00000000',
    '0000000d',
    success,
    '000000180000060000001000',
    '0000010000',
  ].join('');

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
    ['a huge bitmap', 2, '80010000001600000000000000000500000001000bff'],
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
