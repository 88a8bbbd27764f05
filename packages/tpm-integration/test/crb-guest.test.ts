import { createHash } from 'node:crypto';
import { TPM_CC, TPM_ST, type TpmVersion, WireWriter } from 'tpm-core';
import { afterEach, describe, expect, test } from 'vitest';
import {
  CrbDriver,
  GuestDriverError,
  type ProbeReport,
  probeTpm,
  TisDriver,
} from '../src/guest/index.js';
import { startCommand, tpmWords } from './support/cli.js';
import {
  type MachineChoice,
  openSwtpm,
  startEmulator,
  startHeadless,
  startSwtpm,
  until,
} from './support/peers.js';
import { QtestCrb } from './support/qtest-crb.js';
import { Resources } from './support/resources.js';

const resources = new Resources();
afterEach(() => resources.release());

const VERSIONS = ['2.0', '1.2'] as const;
const CRB: MachineChoice = { family: 'q35', model: 'tpm-crb' };
const GET_RANDOM = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8);
const STARTUP = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0);
/** TPM_RC_INITIALIZE: the TPM is started already. */
const INITIALIZED = '80010000000a00000100';
const FAILURE = '00c40000000a00000009';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** @returns what the extended PCR must hold according to its old value */
function extension({ banks, extended }: ProbeReport): string {
  const digest = createHash(banks[0]!.algorithm).update(extended.before);
  return digest.update(new Uint8Array(extended.before.length).fill(1)).digest('hex');
}

/** What doesn't differ from one fresh TPM to the next. */
function withoutRandom({ random, ...rest }: ProbeReport): Omit<ProbeReport, 'random'> {
  expect(random.length).toBeGreaterThan(0);
  return rest;
}

async function probeInProcess(version: TpmVersion): Promise<ProbeReport> {
  const backend = await openSwtpm(resources, await startSwtpm(resources, version));
  const { machine } = await startHeadless(resources, CRB, backend);
  const driver = new CrbDriver(machine.tpm!.mmio);
  await driver.requestLocality();
  const report = await probeTpm(driver);
  driver.relinquishLocality();
  return report;
}

async function probeQemu(version: TpmVersion): Promise<ProbeReport> {
  const swtpm = await startSwtpm(resources, version);
  const { client } = await startEmulator(resources, CRB, swtpm.controlPath);
  return await probeTpm(new QtestCrb(client));
}

async function probeCommand(version: TpmVersion): Promise<ProbeReport> {
  const swtpm = await startSwtpm(resources, version);
  const words = ['-machine', 'q35', ...tpmWords(swtpm.controlPath, 'tpm-crb')];
  const { qtest } = await startCommand(resources, 'x86_64', words);
  return await probeTpm(new QtestCrb(qtest));
}

describe('probeTpm() starts a TPM behind a tpm-crb, extends a PCR and reads it back', () => {
  test.each(VERSIONS)('TPM %s, through CrbDriver in the process', async (version) => {
    const report = await probeInProcess(version);
    expect(report.version).toBe(version);
    expect(report.steps.map((step) => step.split(': ')[0])).toEqual(
      expect.arrayContaining(
        version === '2.0'
          ? ['TPM2_Startup', 'TPM2_GetCapability', 'TPM2_PCR_Read', 'TPM2_PCR_Extend']
          : ['TPM_Startup', 'TPM_GetCapability', 'TPM_PCRRead', 'TPM_Extend'],
      ),
    );
    expect(hex(report.extended.after)).toBe(extension(report));
  });

  test.each(VERSIONS)('TPM %s, through tpm-system-x86_64 as through QEMU', async (version) => {
    const [ours, qemu] = await Promise.all([probeCommand(version), probeQemu(version)]);
    expect(hex(ours.extended.after)).toBe(extension(ours));
    expect(withoutRandom(ours)).toEqual(withoutRandom(qemu));
  });
});

describe('chunking', () => {
  /** A command that is too long for any TPM's parameters, and for the window of tpm-crb. */
  const LONG = new WireWriter()
    .uint16(TPM_ST.NO_SESSIONS)
    .uint32(4096)
    .uint32(TPM_CC.GetRandom)
    .bytes(new Uint8Array(4086).fill(0x5a))
    .finish();

  async function start(model: 'tpm-tis' | 'tpm-crb', properties: Record<string, string>) {
    const backend = await openSwtpm(resources, await startSwtpm(resources, '2.0'));
    const driven = await startHeadless(resources, { family: 'q35', model, properties }, backend);
    const { mmio } = driven.machine.tpm!;
    const driver = model === 'tpm-crb' ? new CrbDriver(mmio) : new TisDriver(mmio);
    await driver.requestLocality();
    await driver.transmit(STARTUP);
    return driver;
  }

  test('brings a command of 4096 bytes to swtpm as the FIFO interface does', async () => {
    const fifo = await start('tpm-tis', {});
    const chunked = await start('tpm-crb', { 'cap-chunk': 'on' });
    const response = await chunked.transmit(LONG);
    expect(hex(response)).toBe(hex(await fifo.transmit(LONG)));
    expect(hex(response)).toMatch(/^80010000000a0000/);
    expect(hex(await chunked.transmit(STARTUP))).toBe(INITIALIZED);
    const whole = await start('tpm-crb', {});
    await expect(whole.transmit(LONG)).rejects.toThrow('the device takes 3968 at most');
  });

  test('is announced by tpm-system-x86_64 with cap-chunk=on only', async () => {
    for (const [device, id] of [
      ['tpm-crb', 0x0002_5811n],
      ['tpm-crb,cap-chunk=off', 0x0002_5811n],
      ['tpm-crb,cap-chunk=on', 0x0002_5c11n],
    ] as const) {
      const swtpm = await startSwtpm(resources, '2.0');
      const words = tpmWords(swtpm.controlPath, device);
      const { qtest } = await startCommand(resources, 'x86_64', words);
      expect(await qtest.read(0xfed4_0030, 4)).toBe(id);
    }
  });
});

describe('swtpm killed during a command leaves', () => {
  test('the machine alive and CrbDriver with an error it can name', async () => {
    const swtpm = await startSwtpm(resources, '2.0');
    const { machine, client } = await startHeadless(
      resources,
      CRB,
      await openSwtpm(resources, swtpm),
    );
    const driver = new CrbDriver(machine.tpm!.mmio);
    await driver.requestLocality();
    swtpm.program.child.kill('SIGSTOP');
    const answer = driver.transmit(GET_RANDOM).catch((error: unknown) => error);
    expect(await client.read(0xfed4_004c, 4)).toBe(1n);
    await swtpm.program.kill();
    const error = await answer;
    expect(error).toBeInstanceOf(GuestDriverError);
    expect(String(error)).toContain('tpmSts');
    const { answer: shown } = await client.command('read 0xfed40080 10');
    expect(shown).toBe(`OK 0x${FAILURE}`);
    expect(await client.read(0xfed4_0044, 4)).toBe(3n);
  });

  test('tpm-system-x86_64 as QEMU: tpmSts, a failure in the buffer, and the process alive', async () => {
    const peers = [await startSwtpm(resources, '2.0'), await startSwtpm(resources, '2.0')] as const;
    const qemu = await startEmulator(resources, CRB, peers[0].controlPath);
    const words = ['-machine', 'q35', ...tpmWords(peers[1].controlPath, 'tpm-crb')];
    const own = await startCommand(resources, 'x86_64', words);
    for (const [swtpm, crb] of [
      [peers[0], new QtestCrb(qemu.client)],
      [peers[1], new QtestCrb(own.qtest)],
    ] as const) {
      swtpm.program.child.kill('SIGSTOP');
      await crb.submit(GET_RANDOM);
      expect(await crb.isRunning()).toBe(true);
      await swtpm.program.kill();
      await until(async () => !(await crb.isRunning()), 'the failure');
      expect(await crb.hasFailed()).toBe(true);
      expect(hex(await crb.response())).toBe(FAILURE);
      expect(hex(await crb.transmit(GET_RANDOM))).toBe(FAILURE);
    }
    await own.monitor.exchange('{"execute":"qmp_capabilities"}');
    own.monitor.send('{"execute":"quit"}');
    expect(await own.program.exited).toMatch(/ended with 0: /);
  });
});
