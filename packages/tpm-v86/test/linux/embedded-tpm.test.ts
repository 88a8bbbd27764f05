import { prepareGuest } from '@tpmdev/guest';
import type { TpmProof } from '@tpmdev/guest/proof';
import { readEventLog } from 'tpm-integration/assembly';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REFERENCE_PCRS, readProof, referencePcrs, replayLog } from './guest-facts.js';
import {
  BOOT_TIME,
  GuestMachine,
  type GuestMachineOptions,
  PROOF_PARAMETERS,
} from './guest-machine.js';
import { restoreInNewProcess } from './new-process.js';
import { qemuProof } from './qemu-reference.js';

// One boot of the guest with tpm2-tools for all; the tests build upon one another.

let options: GuestMachineOptions;
let machine: GuestMachine;
let proof: TpmProof;

beforeAll(async () => {
  options = { image: await prepareGuest({ flavour: 'tools' }), tpm: 'embedded' };
  const booted = await GuestMachine.boot({ ...options, parameters: PROOF_PARAMETERS });
  machine = booted.machine;
  proof = readProof(booted.output);
}, BOOT_TIME);

afterAll(() => machine?.close());

describe('Linux in v86 with the embedded TPM behind tpm-tis', () => {
  it('finds it, and has its devices, its measured boot log and its random numbers', async () => {
    expect(proof.kernelLines).toContain('tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)');
    expect(proof).toMatchObject({
      devices: ['/dev/tpm0', '/dev/tpmrm0'],
      versionMajor: 2,
      bank: 'sha256',
      randomSources: ['tpm-rng-0'],
    });
    expect(proof.log).toHaveLength(proof.logSize!);
    expect(machine.errors).toEqual([]);
  });

  it('has the PCRs that the boot log leads to, in all banks', async () => {
    const replayed = await replayLog(machine, proof);
    expect(replayed).toMatchObject({ agrees: true, uncomparedBanks: [] });
    expect(replayed.comparedBanks).toContain(0x000b);
    expect(replayed.events).toBeGreaterThan(10);
    // All 24 PCRs of a bank, but that of Linux's own measurements.
    expect(replayed.values).toBe(23 * replayed.comparedBanks.length);
  });

  it(
    'has the PCRs 0, 4 and 7 of the same firmware and kernel in QEMU with swtpm',
    async () => {
      const reference = referencePcrs(await qemuProof(options.image));
      expect(referencePcrs(proof)).toEqual(reference);
      expect(reference).toEqual(REFERENCE_PCRS);
    },
    2 * BOOT_TIME,
  );

  it('serves tpm2_pcrread', async () => {
    const output = await machine.shell('tpm2_pcrread sha256:0,4,7');
    const values = [...output.matchAll(/^\s+(\d+)\s*: 0x([0-9A-F]+)$/gm)];
    expect(new Map(values.map(([, pcr, value]) => [Number(pcr), value]))).toEqual(REFERENCE_PCRS);
  });

  it('serves tpm2_getrandom', async () => {
    const random = () => machine.shell('tpm2_getrandom --hex 16');
    const first = await random();
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(await random()).not.toBe(first);
  });

  it('serves tpm2_createprimary', async () => {
    const output = await machine.shell(
      'tpm2_createprimary -Q -C o -G ecc -c primary; tpm2_readpublic -c primary',
    );
    expect(output).toMatch(/^\s+value: ecc$/m);
    expect(output).toMatch(/^\s+value: NIST p256$/m);
    expect(output).toMatch(/^x: [0-9a-f]{64}$/m);
  });

  it('has a log that tpm2_eventlog reads', async () => {
    const log = '/sys/kernel/security/tpm0/binary_bios_measurements';
    const output = await machine.shell(`tpm2_eventlog ${log}`);
    expect(output.match(/^- EventNum: \d+$/gm)).toHaveLength(
      readEventLog(proof.log!).events.length,
    );
    const sha256 = output.slice(output.lastIndexOf('sha256:'));
    const pcrs = new Map(
      [...sha256.matchAll(/^\s+(\d+)\s*: 0x([0-9a-f]{64})$/gm)].map(([, pcr, value]) => [
        Number(pcr),
        value!.toUpperCase(),
      ]),
    );
    expect(pcrs.size).toBe(8);
    for (const [pcr, value] of pcrs) expect(value).toBe(proof.pcrs.get(pcr));
  });

  it(
    'goes on in a new process with its PCRs, its objects and its sessions',
    async () => {
      const pcr = 'cat /sys/class/tpm/tpm0/pcr-sha256/16';
      // Without Linux's resource manager objects stay where they are when a tool ends.
      const direct = 'export TPM2TOOLS_TCTI=device:/dev/tpm0';
      await machine.shell(`tpm2_pcrextend 16:sha256=${'5a'.repeat(32)}`);
      await machine.shell(`(${direct}; tpm2_createprimary -Q -C e -G ecc -c endorsement)`);
      await machine.shell('tpm2_startauthsession -Q -S session --audit-session');
      await machine.shell('tpm2_getrandom --hex -S session 4');
      const questions = [
        pcr,
        `(${direct}; tpm2_getcap handles-transient); tpm2_getcap handles-saved-session`,
        `(${direct}; tpm2_readpublic -c 0x80000000)`,
      ];
      const before: string[] = [];
      for (const command of questions) before.push(await machine.shell(command));
      expect(before[0]).not.toBe('0'.repeat(64));
      expect(before[1]).toMatch(/^- 0x80000000\n- 0x2000000$/);
      await machine.shell('carried=yes; (sleep 1; echo later >after) & true');

      const saved = await machine.attachment.saveState();
      const run = await restoreInNewProcess(options, saved, [
        'echo $carried; wait; cat after',
        ...questions,
        // The TPM takes a command of the session only with the nonce of the one before.
        'tpm2_getrandom --hex -S session 4',
        'tpm2_createprimary -Q -C o -G ecc -c again && tpm2_getrandom --hex 4',
      ]);
      expect(run.errors).toEqual([]);
      expect(run.process).not.toBe(process.pid);
      expect(run.results[0]).toEqual({ output: 'yes\nlater', exitCode: 0 });
      expect(run.results.slice(1, 1 + before.length).map(({ output }) => output)).toEqual(before);
      expect(run.results.map(({ exitCode }) => exitCode)).toEqual(run.results.map(() => 0));
      // This one goes on too.
      expect(await machine.shell(pcr)).toBe(before[0]);
      expect(machine.errors).toEqual([]);
    },
    BOOT_TIME,
  );
});
