import { prepareGuest } from '@tpmdev/guest';
import type { PpiRequest } from 'tpm-integration/assembly';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REFERENCE_PCRS, readProof, replayLog } from './guest-facts.js';
import { BOOT_TIME, GuestMachine } from './guest-machine.js';

// The guest is booted from its CD and twice again; the tests build upon one another.

const PPI = '/sys/class/tpm/tpm0/ppi';

/** TPM2_HierarchyChangeAuth of the owner, who has no password yet, to "x" (Part 3, section 24.8). */
const TAKE_OWNERSHIP =
  '8002 0000001e 00000129 40000001 00000009 40000009 0000 00 0000 0001 78'.replaceAll(' ', '');
/** The same to no password. */
const KEEP_NO_OWNER =
  '8002 0000001d 00000129 40000001 00000009 40000009 0000 00 0000 0000'.replaceAll(' ', '');
const AUTHORIZATION_FAILED = 0x9a2;

let machine: GuestMachine;
let bootOutput: string;
/** What a person was asked, by the names of the operations. */
const asked: string[] = [];

beforeAll(async () => {
  const confirm = ({ name }: PpiRequest) => asked.push(name) > 0;
  const image = await prepareGuest({ flavour: 'cd' });
  const booted = await GuestMachine.boot({ image, tpm: 'embedded', confirm });
  machine = booted.machine;
  bootOutput = booted.output;
}, BOOT_TIME);

afterAll(() => machine?.close());

/** Has the guest send a command to its TPM. @returns the response code */
async function send(command: string): Promise<number> {
  const bytes = command.replaceAll(/../g, '\\x$&');
  const exchange = `exec 3<>/dev/tpm0; printf '${bytes}' >&3; dd bs=4096 count=1 <&3 2>/dev/null`;
  const response = await machine.shell(`(${exchange}) | xxd -p`);
  return Number.parseInt(response.slice(12, 20), 16);
}

/** Restarts the guest from inside. @returns what it prints until its prompt */
async function reboot(): Promise<string> {
  machine.type('reboot -f');
  return await machine.prompt();
}

describe('a guest that restarts from its CD', () => {
  it(
    'finds the TPM reset, measures the same, and has the log again',
    async () => {
      const first = readProof(bootOutput);
      const log = '/sys/kernel/security/tpm0/binary_bios_measurements';
      const firstDigest = await machine.shell(`sha256sum ${log}`);
      const second = readProof(await reboot());
      expect(second).toEqual({ ...first, kernelLines: expect.any(Array) });
      expect(second.pcrs.get(0)).toBe(REFERENCE_PCRS.get(0));
      expect(second.pcrs.get(4)).not.toBe(REFERENCE_PCRS.get(4));
      expect(second.kernelLines).toContain(
        'tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)',
      );
      expect(await machine.shell(`sha256sum ${log}`)).toBe(firstDigest);
      const withLog = readProof(`${await machine.shell('tpm-proof --log')}\n`);
      const replayed = await replayLog(machine, withLog);
      expect(replayed).toMatchObject({ agrees: true, uncomparedBanks: [] });
      expect(asked).toEqual([]);
      expect(machine.errors).toEqual([]);
    },
    BOOT_TIME,
  );

  it(
    'has its request through /sys/class/tpm/tpm0/ppi/request carried out at the restart',
    async () => {
      expect(await send(TAKE_OWNERSHIP)).toBe(0);
      expect(await send(KEEP_NO_OWNER)).toBe(AUTHORIZATION_FAILED);
      expect(await machine.shell(`cat ${PPI}/response`)).toBe('0: No Recent Request');
      await machine.shell(`echo 5 >${PPI}/request`);
      expect(await machine.shell(`cat ${PPI}/request`)).toBe('5');
      await reboot();
      expect(asked).toEqual(['clear']);
      expect(await machine.shell(`cat ${PPI}/response`)).toBe('5 0: Success');
      expect(await machine.shell(`cat ${PPI}/request`)).toBe('0');
      // Cleared: the owner has no password any more.
      expect(await send(KEEP_NO_OWNER)).toBe(0);
      expect(machine.errors).toEqual([]);
    },
    BOOT_TIME,
  );
});
