import type { TpmVersion } from 'tpm-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { PpiExecutor, type PpiOutcome } from '../src/ppi-executor.js';
import { PPI_RESULT } from '../src/ppi-layout.js';
import { PpiMemory } from '../src/ppi-memory.js';
import { RealTpm, requireProgram } from './swtpm.js';

beforeAll(() => requireProgram('swtpm', 'swtpm'));

interface Bench {
  readonly tpm: RealTpm;
  readonly memory: PpiMemory;
  /** A machine reset with a pending request, carried out. @returns what each part ended with */
  reset(operation: number, parameter?: number): Promise<PpiOutcome[]>;
}

async function bench(tpmVersion: TpmVersion): Promise<Bench> {
  const tpm = await RealTpm.launch(tpmVersion);
  const memory = new PpiMemory();
  const executor = new PpiExecutor({ memory, backend: tpm.backend, confirm: () => true });
  executor.initialise();
  const reset = async (operation: number, parameter = 0): Promise<PpiOutcome[]> => {
    memory.setWord('pprq', operation);
    memory.setWord('pprm', parameter);
    const outcomes: PpiOutcome[] = [];
    do {
      await tpm.powerCycle();
      outcomes.push(await executor.execute());
    } while (outcomes.at(-1)!.resetDue);
    return outcomes;
  };
  return { tpm, memory, reset };
}

/** What all operations that succeed in one part end with. */
const done = (operation: number) => [
  { status: 'finished', operation, result: 0, resetDue: true },
  { status: 'none-pending', resetDue: false },
];

const STARTUP = '8001 00000000 00000144 0000';
const EMPTY_PASSWORD = '00000009 40000009 0000 00 0000';

/** TPM2_GetCapability(TPM_CAP_TPM_PROPERTIES), one property. */
async function property(tpm: RealTpm, number: string): Promise<number> {
  const body = await tpm.succeed(`8001 00000000 0000017a 00000006 ${number} 00000001`);
  return Buffer.from(body).readUInt32BE(13);
}

/** Algorithms of the banks that have PCRs. */
async function activeBanks(tpm: RealTpm): Promise<number[]> {
  const body = Buffer.from(await tpm.succeed('8001 00000000 0000017a 00000005 00000000 00000001'));
  const banks: number[] = [];
  for (let index = 0; index < body.readUInt32BE(5); index++) {
    const at = 9 + 6 * index;
    if (body.readUIntBE(at + 3, 3) !== 0) banks.push(body.readUInt16BE(at));
  }
  return banks;
}

/** Public area of a primary key of the endorsement hierarchy (ECC P-256, restricted decryption). */
async function endorsementKey(tpm: RealTpm): Promise<string> {
  const template = '0023 000b 00030072 0000 0006 0080 0043 0010 0003 0010 0000 0000';
  const size = (template.replaceAll(' ', '').length / 2).toString(16).padStart(4, '0');
  const parameters = `0004 0000 0000 ${size} ${template} 0000 00000000`;
  const body = Buffer.from(
    await tpm.succeed(`8002 00000000 00000131 4000000b ${EMPTY_PASSWORD} ${parameters}`),
  );
  const handle = body.subarray(0, 4).toString('hex');
  await tpm.succeed(`8001 00000000 00000165 ${handle}`);
  return body.subarray(8, 10 + body.readUInt16BE(8)).toString('hex');
}

describe('PpiExecutor.execute() against swtpm, TPM 2.0', () => {
  it.each([5, 14, 21, 22])(
    'PpiExecutor.execute() of operation %i removes owner password and NV index, also with clearing disabled',
    async (operation) => {
      const { tpm, memory, reset } = await bench('2.0');
      await tpm.succeed(STARTUP);
      const publicArea = '000e 01800001 000b 00020002 0000 0008';
      await tpm.succeed(`8002 00000000 0000012a 40000001 ${EMPTY_PASSWORD} 0000 ${publicArea}`);
      await tpm.succeed(`8002 00000000 00000127 4000000a ${EMPTY_PASSWORD} 01`);
      await tpm.succeed(`8002 00000000 00000129 40000001 ${EMPTY_PASSWORD} 0003 616263`);
      await tpm.succeed('8001 00000000 00000169 01800001');
      expect((await property(tpm, '00000200')) & 0x101).toBe(0x101);
      expect(await reset(operation)).toEqual(done(operation));
      await tpm.succeed(STARTUP);
      expect((await property(tpm, '00000200')) & 0x101).toBe(0);
      expect((await tpm.run('8001 00000000 00000169 01800001')).code).toBe(0x18b);
      expect([memory.word('pprp'), memory.word('lppr'), memory.word('pprq')]).toEqual([
        0,
        operation,
        0,
      ]);
    },
  );

  it('PpiExecutor.execute() of operation 23 changes the PCR banks at the reset after it', async () => {
    const { tpm, reset } = await bench('2.0');
    await tpm.succeed(STARTUP);
    expect(await activeBanks(tpm)).toEqual([0x04, 0x0b, 0x0c, 0x0d]);
    expect(await reset(23, 0x06)).toEqual(done(23));
    await tpm.succeed(STARTUP);
    expect(await activeBanks(tpm)).toEqual([0x0b, 0x0c]);
    expect(await reset(23, 0x01)).toEqual(done(23));
    await tpm.succeed(STARTUP);
    expect(await activeBanks(tpm)).toEqual([0x04]);
  });

  it.each([0x00, 0x12, 0x8000_0000])(
    'PpiExecutor.execute() of operation 23 with parameter %i leaves the PCR banks',
    async (parameter) => {
      const { tpm, memory, reset } = await bench('2.0');
      const [outcome] = await reset(23, parameter);
      expect(outcome).toMatchObject({ result: PPI_RESULT.firmwareFailure });
      expect(memory.word('pprp')).toBe(0xffff_fff1);
      await tpm.succeed(STARTUP);
      expect(await activeBanks(tpm)).toEqual([0x04, 0x0b, 0x0c, 0x0d]);
    },
  );

  it('PpiExecutor.execute() of operation 24 changes the endorsement key, a clear does not', async () => {
    const { tpm, reset } = await bench('2.0');
    await tpm.succeed(STARTUP);
    const before = await endorsementKey(tpm);
    expect(await reset(5)).toEqual(done(5));
    await tpm.succeed(STARTUP);
    expect(await endorsementKey(tpm)).toBe(before);
    expect(await reset(24)).toEqual(done(24));
    await tpm.succeed(STARTUP);
    expect(await endorsementKey(tpm)).not.toBe(before);
  });
});

/** TPM_PERMANENT_FLAGS and TPM_STCLEAR_FLAGS, as far as operations change them. */
async function flags(tpm: RealTpm): Promise<Record<string, number>> {
  const capability = '00c1 00000000 00000065 00000004 00000004';
  const permanent = await tpm.succeed(`${capability} 00000108`);
  const volatile = await tpm.succeed(`${capability} 00000109`);
  const [disable, ownership, deactivated] = permanent.subarray(6, 9);
  return {
    disable: disable!,
    ownership: ownership!,
    deactivated: deactivated!,
    commandPresence: permanent[14]!,
    deactivatedNow: volatile[6]!,
  };
}

const on = { disable: 0, ownership: 1, deactivated: 0, commandPresence: 0, deactivatedNow: 0 };
const STARTUP12 = '00c1 00000000 00000099 0001';

describe('PpiExecutor.execute() against swtpm, TPM 1.2', () => {
  it.each([
    ['disable', 2, { ...on, disable: 1 }],
    ['deactivate', 4, { ...on, deactivated: 1, deactivatedNow: 1 }],
    ['clear', 5, { ...on, disable: 1, deactivated: 1, deactivatedNow: 1 }],
    ['deactivate and disable', 7, { ...on, disable: 1, deactivated: 1, deactivatedNow: 1 }],
    ['forbid an owner', 9, { ...on, ownership: 0 }],
    [
      'forbid an owner, deactivate and disable',
      11,
      { ...on, disable: 1, ownership: 0, deactivated: 1, deactivatedNow: 1 },
    ],
    ['clear, enable and activate', 14, on],
  ])('PpiExecutor.execute() can %s (operation %i)', async (_what, operation, expected) => {
    const { tpm, reset } = await bench('1.2');
    expect(await reset(operation)).toEqual(done(operation));
    await tpm.succeed(STARTUP12);
    expect(await flags(tpm)).toEqual(expected);
  });

  it.each([
    ['enable and activate', 6, 1, on],
    ['enable, activate and allow an owner', 10, 2, on],
    ['enable, activate and clear', 21, 2, { ...on, disable: 1, deactivated: 1, deactivatedNow: 1 }],
    ['enable, activate, clear, enable and activate', 22, 2, on],
  ])(
    'PpiExecutor.execute() can %s a disabled TPM (operation %i, %i parts)',
    async (_what, operation, parts, expected) => {
      const { tpm, reset } = await bench('1.2');
      if (operation === 10) await reset(9);
      await reset(7);
      const outcomes = await reset(operation);
      expect(outcomes.slice(0, -2)).toEqual(
        Array(parts - 1).fill({ status: 'unfinished', operation, resetDue: true }),
      );
      expect(outcomes.slice(-2)).toEqual(done(operation));
      await tpm.succeed(STARTUP12);
      expect(await flags(tpm)).toEqual(expected);
    },
  );

  it('PpiExecutor.execute() enables and activates in two requests', async () => {
    const { tpm, reset } = await bench('1.2');
    await reset(7);
    expect(await reset(3)).toMatchObject([{ result: 7 }, { status: 'none-pending' }]);
    expect(await reset(1)).toEqual(done(1));
    expect(await reset(3)).toEqual(done(3));
    expect(await reset(9)).toEqual(done(9));
    expect(await reset(8)).toEqual(done(8));
    await tpm.succeed(STARTUP12);
    expect(await flags(tpm)).toEqual(on);
  });

  it('PpiExecutor.execute() leaves software unable to claim physical presence', async () => {
    const { tpm, reset } = await bench('1.2');
    await reset(6);
    await tpm.succeed(STARTUP12);
    expect((await tpm.run('00c1 00000000 4000000a 0008')).code).toBe(3);
  });
});
