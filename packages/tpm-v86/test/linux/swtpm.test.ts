import { createHash } from 'node:crypto';
import { prepareGuest } from '@tpmdev/guest';
import type { TpmProof } from '@tpmdev/guest/proof';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REFERENCE_PCRS, readProof, referencePcrs, replayLog } from './guest-facts.js';
import {
  BOOT_TIME,
  GuestMachine,
  type GuestMachineOptions,
  PROOF_PARAMETERS,
} from './guest-machine.js';
import { restoreInNewProcess } from './new-process.js';

// One boot of the guest with tpm2-tools for all; the tests build upon one another.

let options: GuestMachineOptions;
let machine: GuestMachine;
let proof: TpmProof;

beforeAll(async () => {
  options = { image: await prepareGuest({ flavour: 'tools' }), tpm: 'swtpm' };
  const booted = await GuestMachine.boot({ ...options, parameters: PROOF_PARAMETERS });
  machine = booted.machine;
  proof = readProof(booted.output);
}, BOOT_TIME);

afterAll(() => machine?.close());

const SIGN = 'tpm2_sign -Q -c key -g sha256 -o signature message';
const VERIFY = 'tpm2_verifysignature -Q -c key -g sha256 -s signature -m message';
const UNSEAL = 'tpm2_unseal -c sealed -p pcr:sha256:16';

describe('Linux in v86 with swtpm behind tpm-tis', () => {
  it('finds it, and has the PCRs that the boot log leads to', async () => {
    expect(proof.kernelLines).toContain('tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)');
    expect(proof).toMatchObject({
      devices: ['/dev/tpm0', '/dev/tpmrm0'],
      versionMajor: 2,
      randomSources: ['tpm-rng-0'],
    });
    expect(referencePcrs(proof)).toEqual(REFERENCE_PCRS);
    const replayed = await replayLog(machine, proof);
    expect(replayed).toMatchObject({ agrees: true, uncomparedBanks: [] });
    expect(replayed.events).toBeGreaterThan(10);
  });

  it('signs with a key that tpm2_create made and tpm2_load loaded', async () => {
    await machine.shell('tpm2_createprimary -Q -C o -G ecc -c primary');
    await machine.shell('tpm2_create -Q -C primary -G ecc -u key.pub -r key.priv');
    await machine.shell('tpm2_load -Q -C primary -u key.pub -r key.priv -c key');
    await machine.shell(`echo hello >message; ${SIGN}; ${VERIFY}`);
    const { exitCode, output } = await machine.run(`echo other >message; ${VERIFY}`);
    expect(exitCode).not.toBe(0);
    expect(output).toContain('signature is not valid');
  });

  it('quotes its PCRs', async () => {
    const files = '-m quote -s quote.sig';
    await machine.shell(`tpm2_quote -Q -c key -l sha256:0,4,7 -q abcd1234 ${files} -g sha256`);
    await machine.shell('tpm2_verifysignature -Q -c key -g sha256 -m quote -s quote.sig');
    const quote = await machine.shell('tpm2_print -t TPMS_ATTEST quote');
    expect(quote).toMatch(/^extraData: abcd1234$/m);
    const digest = /^\s+pcrDigest: ([0-9a-f]{64})$/m.exec(quote)?.[1];
    const values = [...REFERENCE_PCRS.values()].join('');
    const expected = createHash('sha256').update(values, 'hex').digest('hex');
    expect(digest).toBe(expected);
  });

  it('unseals a secret as long as a PCR has its value', async () => {
    const policy = 'tpm2_policypcr -Q -S trial -l sha256:16 -L policy; tpm2_flushcontext trial';
    await machine.shell(`tpm2_startauthsession -Q -S trial; ${policy}`);
    const create = 'tpm2_create -Q -C primary -L policy -i- -u s.pub -r s.priv';
    await machine.shell(`echo secret | ${create} -a 'fixedtpm|fixedparent'`);
    await machine.shell('tpm2_load -Q -C primary -u s.pub -r s.priv -c sealed');
    expect(await machine.shell(UNSEAL)).toBe('secret');
  });

  it(
    'goes on in a new process with its PCRs, objects, sessions and NV memory',
    async () => {
      const pcr = 'cat /sys/class/tpm/tpm0/pcr-sha256/23';
      await machine.shell(`tpm2_pcrextend 23:sha256=${'5a'.repeat(32)}`);
      await machine.shell('tpm2_nvdefine -Q 0x1500016 -s 8 -a "ownerread|ownerwrite"');
      await machine.shell('printf 12345678 | tpm2_nvwrite -Q 0x1500016 -C o -i-');
      await machine.shell('tpm2_startauthsession -Q -S session --audit-session');
      await machine.shell('tpm2_getrandom --hex -S session 4; carried=yes');
      const value = await machine.shell(pcr);
      expect(value).not.toBe('0'.repeat(64));

      const saved = await machine.attachment.saveState();
      const run = await restoreInNewProcess(options, saved, [
        `echo $carried; ${pcr}`,
        'tpm2_nvread 0x1500016 -C o 2>/dev/null',
        UNSEAL,
        `${SIGN} && ${VERIFY}`,
        // The TPM takes a command of the session only with the nonce of the one before.
        'tpm2_getrandom -Q --hex -S session 4 >/dev/null',
        `tpm2_pcrextend 16:sha256=${'5a'.repeat(32)}; ${UNSEAL} 2>&1 | grep -o "policy check failed"`,
      ]);
      expect(run).toEqual({
        process: expect.any(Number),
        errors: [],
        results: [
          { exitCode: 0, output: `yes\n${value}` },
          { exitCode: 0, output: '12345678' },
          { exitCode: 0, output: 'secret' },
          { exitCode: 0, output: '' },
          { exitCode: 0, output: '' },
          { exitCode: 0, output: 'policy check failed' },
        ],
      });
      expect(run.process).not.toBe(process.pid);
      // The TPM that was saved has its secret still.
      expect(await machine.shell(UNSEAL)).toBe('secret');
      expect(machine.errors).toEqual([]);
    },
    BOOT_TIME,
  );
});
