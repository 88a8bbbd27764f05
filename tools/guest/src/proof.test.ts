import { expect, test } from 'vitest';
import { parseProof } from './proof.js';

const DIGEST = 'E21B703EE69C77476BCCB43EC0336A9A1B2914B378944F7B00A10214CA8FEA93';

const PROOF = `[    9.679332] mce: Unable to init MCE device (rc: -5)
tpm-proof begin
# dmesg | grep -iE 'tpm|tcpa'
[    0.1] tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)
# ls -l /dev/tpm0 /dev/tpmrm0
crw-------    1 0        0          10, 224 Nov 23 09:26 /dev/tpm0
crw-------    1 0        0         253, 65536 Nov 23 09:26 /dev/tpmrm0
# cat /sys/class/tpm/tpm0/tpm_version_major
2
# cd /sys/class/tpm/tpm0/pcr-sha256 && grep . $(seq 0 10)
0:${DIGEST}
10:${DIGEST}
# wc -c /sys/kernel/security/tpm0/binary_bios_measurements
2681 /sys/kernel/security/tpm0/binary_bios_measurements
# base64 /sys/kernel/security/tpm0/binary_bios_measurements
AAEC
AwQF
# cat /sys/class/misc/hw_random/rng_available
tpm-rng-0
tpm-proof end
`.replaceAll('\n', '\r\n');

test('parseProof() reads every fact of a whole proof', () => {
  expect(parseProof(PROOF)).toEqual({
    kernelLines: ['[    0.1] tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)'],
    devices: ['/dev/tpm0', '/dev/tpmrm0'],
    versionMajor: 2,
    bank: 'sha256',
    pcrs: new Map([
      [0, DIGEST],
      [10, DIGEST],
    ]),
    logSize: 2681,
    log: Uint8Array.of(0, 1, 2, 3, 4, 5),
    randomSources: ['tpm-rng-0'],
  });
});

test('parseProof() takes no error message of the guest for a fact', () => {
  const none = `tpm-proof begin
# dmesg | grep -iE 'tpm|tcpa'
# ls -l /dev/tpm0 /dev/tpmrm0
ls: /dev/tpm0: No such file or directory
# cat /sys/class/tpm/tpm0/tpm_version_major
cat: can't open '/sys/class/tpm/tpm0/tpm_version_major': No such file or directory
# cd /sys/class/tpm/tpm0/pcr-sha1 && grep . $(seq 0 10)
cd: can't cd to /sys/class/tpm/tpm0/pcr-sha1: No such file or directory
# wc -c /sys/kernel/security/tpm0/binary_bios_measurements
wc: /sys/kernel/security/tpm0/binary_bios_measurements: No such file or directory
# base64 /sys/kernel/security/tpm0/binary_bios_measurements
base64: /sys/kernel/security/tpm0/binary_bios_measurements: No such file or directory
# cat /sys/class/misc/hw_random/rng_available

tpm-proof end
`;
  expect(parseProof(none)).toEqual({
    kernelLines: [],
    devices: [],
    pcrs: new Map(),
    randomSources: [],
  });
});

test('parseProof() waits for the end and prefers the last whole proof', () => {
  expect(parseProof(PROOF.slice(0, 400))).toBeUndefined();
  const second = PROOF.replace('2681 ', '99 ');
  expect(parseProof(PROOF + second)?.logSize).toBe(99);
  expect(parseProof(PROOF + second.slice(0, 300))?.logSize).toBe(2681);
});
