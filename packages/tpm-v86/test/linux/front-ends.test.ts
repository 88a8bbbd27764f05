import { prepareGuest } from '@tpmdev/guest';
import { afterEach, describe, expect, it } from 'vitest';
import { REFERENCE_PCRS, readProof, referencePcrs, replayLog } from './guest-facts.js';
import {
  BOOT_TIME,
  GuestMachine,
  type GuestMachineOptions,
  PROOF_PARAMETERS,
} from './guest-machine.js';

let machine: GuestMachine | undefined;

afterEach(async () => {
  await machine?.close();
  machine = undefined;
});

/** Boots the guest `minimal` and reads its proof. */
async function boot(options: Omit<GuestMachineOptions, 'image'>) {
  const image = await prepareGuest({ flavour: 'minimal' });
  const booted = await GuestMachine.boot({ image, parameters: PROOF_PARAMETERS, ...options });
  machine = booted.machine;
  return { machine, proof: readProof(booted.output) };
}

describe('Linux in v86', () => {
  it.each([
    ['tpm-crb', 'overlay tables', { model: 'tpm-crb' }],
    ['tpm-tis', 'our own fw_cfg', { model: 'tpm-tis', tables: 'fw-cfg' }],
  ] as const)(
    'finds the embedded TPM behind %s, with %s',
    async (model, _name, options) => {
      const { machine, proof } = await boot({ tpm: 'embedded', ...options });
      expect(proof).toMatchObject({
        devices: ['/dev/tpm0', '/dev/tpmrm0'],
        versionMajor: 2,
        randomSources: ['tpm-rng-0'],
      });
      // Linux's driver for CRB prints no line of its own; its name is in sysfs.
      const line = 'tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)';
      expect(proof.kernelLines.filter((text) => text === line)).toHaveLength(
        model === 'tpm-tis' ? 1 : 0,
      );
      const driver = await machine.shell('basename $(readlink /sys/class/tpm/tpm0/device/driver)');
      expect(driver).toBe(model === 'tpm-tis' ? 'tpm_tis' : 'tpm_crb');
      expect(referencePcrs(proof)).toEqual(REFERENCE_PCRS);
      expect(proof.log).toHaveLength(proof.logSize!);
      const replayed = await replayLog(machine, proof);
      expect(replayed).toMatchObject({ agrees: true, uncomparedBanks: [] });
      expect(replayed.events).toBeGreaterThan(10);
      expect(machine.errors).toEqual([]);
    },
    BOOT_TIME,
  );

  it(
    'finds a TPM 1.2 of swtpm by its TCPA table',
    async () => {
      const { machine, proof } = await boot({ tpm: 'swtpm 1.2' });
      expect(proof.kernelLines).toContainEqual(
        expect.stringMatching(/^tpm_tis 00:[0-9a-f]{2}: 1\.2 TPM \(device-id 0x1, rev-id 1\)$/),
      );
      expect(proof.kernelLines).toContainEqual(
        expect.stringMatching(
          /^ACPI: TCPA 0x[0-9A-F]{16} [0-9A-F]{6} \(v02 BOCHS {2}BXPC {5}00000001/,
        ),
      );
      expect(proof).toMatchObject({
        devices: ['/dev/tpm0'],
        versionMajor: 1,
        bank: 'sha1',
        randomSources: ['tpm-rng-0'],
      });
      const replayed = await replayLog(machine, proof);
      expect(replayed).toMatchObject({
        agrees: true,
        uncomparedBanks: [],
        comparedBanks: [0x0004],
      });
      expect(replayed.events).toBeGreaterThan(10);
      expect(machine.errors).toEqual([]);
    },
    BOOT_TIME,
  );
});
