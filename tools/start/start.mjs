#!/usr/bin/env node
// Attaches a TIS or CRB device to a TPM of its own, in this process or a swtpm, and does, through
// register accesses alone, what a Linux driver does at probe. Prints what Linux would print.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openEmbedded } from 'tpm-backend-embedded';
import { launchSwtpm } from 'tpm-backend-swtpm';
import { describeCommand, describeResponse, TpmdevError } from 'tpm-core';
import { CrbDevice } from 'tpm-crb';
import { CrbDriver, probeTpm, TisDriver } from 'tpm-integration/guest';
import { TisDevice } from 'tpm-tis';

const USAGE = `Usage: npm start -- [--backend embedded|swtpm] [--tpm 1.2|2.0] [--crb] [--trace] [--debug]

  --backend  who is the TPM: embedded, in this process, or swtpm. Embedded unless told otherwise;
             swtpm for a TPM 1.2
  --tpm      TPM family, 2.0 unless told otherwise
  --crb      attach the CRB device instead of the TIS device. Linux's tpm_crb prints no line of its
             own about the TPM; what is shown has the form of that of tpm_tis
  --trace    show every command, response and control request, decoded
  --debug    show the stack of an error`;

/** Names of the driver and of the device that Linux gives it. */
const TIS = { linuxName: 'tpm_tis 00:06', Device: TisDevice, Driver: TisDriver };
const CRB = { linuxName: 'tpm_crb MSFT0101:00', Device: CrbDevice, Driver: CrbDriver };

/** Runs with a new TPM that is gone afterwards. */
const BACKENDS = {
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

class UsageError extends Error {}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        backend: { type: 'string' },
        tpm: { type: 'string', default: '2.0' },
        crb: { type: 'boolean', default: false },
        trace: { type: 'boolean', default: false },
        debug: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    });
    if (values.tpm !== '1.2' && values.tpm !== '2.0') {
      throw new UsageError(`--tpm: "${values.tpm}" is no TPM family; use 1.2 or 2.0`);
    }
    const backend = values.backend ?? (values.tpm === '1.2' ? 'swtpm' : 'embedded');
    if (!Object.hasOwn(BACKENDS, backend)) {
      throw new UsageError(`--backend: "${backend}" is no TPM; use embedded or swtpm`);
    }
    if (backend === 'embedded' && values.tpm === '1.2') {
      throw new UsageError('--tpm: the embedded TPM is a TPM 2.0; use --backend swtpm');
    }
    return { ...values, backend };
  } catch (error) {
    throw new UsageError(`${error.message.split('. ')[0]}; see npm start -- --help`);
  }
}

const hex = (bytes) => Buffer.from(bytes).toString('hex');

function printTrace(event) {
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

function printPcrs(banks) {
  for (const { algorithm, values } of banks) {
    console.log(`\n/sys/class/tpm/tpm0/pcr-${algorithm}/`);
    for (const [index, value] of values.entries()) {
      console.log(`  ${String(index).padStart(2)}: ${hex(value).toUpperCase()}`);
    }
  }
}

/** Extending sets the PCR to the digest of its old value followed by what it is extended with. */
function printExtension({ banks, extended }) {
  const { algorithm } = banks[0];
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

async function probe(options, backend) {
  const trace = options.trace ? printTrace : undefined;
  backend.onEvent = (event) => console.error(`TPM: ${event.error.message}`);
  backend.trace = trace;
  const { linuxName, Device, Driver } = options.crb ? CRB : TIS;
  const device = new Device({ backend });
  const outcome = await device.reset();
  if (!outcome.started) throw outcome.error;
  const driver = new Driver(device.mmio);
  await driver.requestLocality();
  const identity = driver.identify();
  const report = await probeTpm(driver);

  const deviceId = identity.deviceId.toString(16).toUpperCase();
  const revision = identity.revisionId;
  console.log(
    `${linuxName}: ${report.version} TPM (device-id 0x${deviceId}, rev-id ${revision})\n`,
  );
  const [name, value] = options.crb
    ? ['id', identity.interfaceId]
    : ['capability', identity.interfaceCapability];
  const shownValue = value.toString(16).padStart(8, '0');
  console.log(`Vendor id 0x${identity.vendorId.toString(16)}, interface ${name} 0x${shownValue}`);
  console.log(
    `Manufacturer "${report.manufacturer.replace(/[\0 ]+$/, '')}", random ${hex(report.random)}`,
  );
  const shown = report.steps.filter(
    (step) => !step.includes('PCR_Read') && !step.includes('PCRRead'),
  );
  for (const step of shown) console.log(`  ${step}`);
  printPcrs(report.banks);
  printExtension(report);
  driver.relinquishLocality();
}

async function main() {
  const options = readOptions();
  if (options.help) {
    console.log(USAGE);
    return;
  }
  await BACKENDS[options.backend](options.tpm, (backend) => probe(options, backend));
}

// A reader that has seen enough, such as head, is no error; what was started is still ended in order.
process.stdout.on('error', (error) => {
  if (error.code === 'EPIPE' || process.exitCode === 1) return;
  console.error(`Writing the output failed: ${error.message}`);
  process.exitCode = 1;
});

try {
  await main();
} catch (error) {
  const known = error instanceof UsageError || TpmdevError.isInstance(error);
  if (process.argv.includes('--debug') || !known) console.error(error);
  else console.error(error.message);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
