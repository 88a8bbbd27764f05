// Attaches a TIS or CRB device to a TPM of its own, in this process or a swtpm, and does, through
// register accesses alone, what a Linux driver does at probe. Prints what Linux would print.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbedded } from 'tpm-backend-embedded';
import { launchSwtpm } from 'tpm-backend-swtpm';
import {
  describeCommand,
  describeResponse,
  type TpmBackend,
  TpmdevError,
  type TpmVersion,
  type TraceEvent,
} from 'tpm-core';
import { CrbDevice } from 'tpm-crb';
import {
  CrbDriver,
  type PcrBank,
  type ProbeReport,
  probeTpm,
  TisDriver,
} from 'tpm-integration/guest';
import { TisDevice } from 'tpm-tis';
import { type StartOptions, UsageError } from './start-options.js';

/** Runs with a new TPM that is gone afterwards. */
const BACKENDS: Readonly<
  Record<
    StartOptions['backend'],
    (tpmVersion: TpmVersion, use: (backend: TpmBackend) => Promise<void>) => Promise<void>
  >
> = {
  async embedded(_tpmVersion, use) {
    const backend = await openEmbedded();
    await use(backend).finally(() => backend.close());
  },
  async swtpm(tpmVersion, use) {
    const stateDirectory = mkdtempSync(join(tmpdir(), 'tpmdev-start-'));
    try {
      const backend = await launchSwtpm({ stateDirectory, tpmVersion });
      await use(backend).finally(() => backend.close());
    } finally {
      rmSync(stateDirectory, { recursive: true, force: true });
    }
  },
};

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function printTrace(event: TraceEvent): void {
  if (event.type === 'command') {
    console.log(`  > ${describeCommand(event.bytes, event.locality)}`);
    console.log(`    ${hex(event.bytes)}`);
  } else if (event.type === 'response') {
    console.log(`  < ${describeResponse(event.bytes)}`);
    console.log(`    ${hex(event.bytes)}`);
  } else if (event.type === 'control-request' || event.type === 'control-response') {
    const arrow = event.type === 'control-request' ? '>' : '<';
    console.log(`  ${arrow} control ${event.name} ${hex(event.bytes)}`);
  }
}

function printPcrs(banks: readonly PcrBank[]): void {
  for (const { algorithm, values } of banks) {
    console.log(`\n/sys/class/tpm/tpm0/pcr-${algorithm}/`);
    for (const [index, value] of values.entries()) {
      console.log(`  ${String(index).padStart(2)}: ${hex(value).toUpperCase()}`);
    }
  }
}

/** Extending sets the PCR to the digest of its old value followed by what it is extended with. */
function printExtension({ banks, extended }: ProbeReport): void {
  const { algorithm } = banks[0]!;
  const hash = createHash(algorithm).update(extended.before);
  const expected = hash.update(new Uint8Array(extended.before.length).fill(1)).digest('hex');
  if (hex(extended.after) !== expected) {
    throw new TpmdevError(
      'ERR_START',
      `PCR ${extended.index} reads ${hex(extended.after)} after the extension, not ${expected}`,
    );
  }
  console.log(`\nPCR ${extended.index} (${algorithm}) extended and read back:`);
  console.log(`  before ${hex(extended.before).toUpperCase()}`);
  console.log(`  after  ${hex(extended.after).toUpperCase()}`);
}

/** The driver at its device, and what it says about it. */
function plug(model: StartOptions['model'], backend: TpmBackend) {
  if (model === 'tpm-crb') {
    const device = new CrbDevice({ backend });
    const driver = new CrbDriver(device.mmio);
    const identify = () => {
      const { interfaceId, ...ids } = driver.identify();
      return { ...ids, shown: `interface id 0x${interfaceId.toString(16).padStart(8, '0')}` };
    };
    return { device, driver, identify, linuxName: 'tpm_crb MSFT0101:00' };
  }
  const device = new TisDevice({ backend });
  const driver = new TisDriver(device.mmio);
  const identify = () => {
    const { interfaceCapability, ...ids } = driver.identify();
    const capability = interfaceCapability.toString(16).padStart(8, '0');
    return { ...ids, shown: `interface capability 0x${capability}` };
  };
  return { device, driver, identify, linuxName: 'tpm_tis 00:06' };
}

async function probeBackend(options: StartOptions, backend: TpmBackend): Promise<void> {
  backend.onEvent = (event) => console.error(`TPM: ${event.error.message}`);
  backend.trace = options.rest.includes('--trace') ? printTrace : undefined;
  const { device, driver, identify, linuxName } = plug(options.model, backend);
  const outcome = await device.reset();
  if (!outcome.started) throw outcome.error;
  await driver.requestLocality();
  const { deviceId, revisionId, vendorId, shown } = identify();
  const report = await probeTpm(driver);
  const id = deviceId.toString(16).toUpperCase();
  console.log(`${linuxName}: ${report.version} TPM (device-id 0x${id}, rev-id ${revisionId})\n`);
  console.log(`Vendor id 0x${vendorId.toString(16)}, ${shown}`);
  console.log(
    `Manufacturer "${report.manufacturer.replace(/[\0 ]+$/, '')}", random ${hex(report.random)}`,
  );
  const steps = report.steps.filter(
    (step) => !step.includes('PCR_Read') && !step.includes('PCRRead'),
  );
  for (const step of steps) console.log(`  ${step}`);
  printPcrs(report.banks);
  printExtension(report);
  driver.relinquishLocality();
}

/**
 * Drives a device with a new TPM as a driver does at probe, and prints what Linux would.
 *
 * @throws UsageError for options that only a guest can use; TpmdevError when something fails
 */
export async function probe(options: StartOptions): Promise<void> {
  const unknown = options.rest.find((word) => word !== '--trace' && word !== '--debug');
  if (unknown !== undefined)
    throw new UsageError(`${unknown}: not an option of --probe; see --help`);
  const { backend, tpmVersion } = options;
  await BACKENDS[backend](tpmVersion, (tpm) => probeBackend(options, tpm));
}
