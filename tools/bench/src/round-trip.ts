import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchSwtpm } from 'tpm-backend-swtpm';
import type { TpmBackend } from 'tpm-core';
import { CrbDevice } from 'tpm-crb';
import { CrbDriver, type GuestTransport, type Pacing, TisDriver } from 'tpm-integration/guest';
import { TisDevice } from 'tpm-tis';
import { BareSocket, startBareSwtpm } from './bare-swtpm.ts';
import { compare, type Figure } from './measure.ts';

const COUNT = 2000;
const INT_ENABLE = 0x008;
const INT_STATUS = 0x010;
const DATA_AVAILABLE_INTERRUPT = 0x8000_0001;
const ALL_INTERRUPTS = 0x0000_0087;
const STARTUP = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0);
/** TPM2_PCR_Read of PCR 16 in the SHA-256 bank. */
const PCR_READ = Uint8Array.of(
  ...[0x80, 1, 0, 0, 0, 20, 0, 0, 1, 0x7e],
  ...[0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 1],
);

/** Waits for the device's interrupt instead of polling, as a kernel does. */
class InterruptPacing implements Pacing {
  readonly limit = 10;
  #asserted: (() => void) | undefined;

  /** The device's interrupt line. */
  set(asserted: boolean): void {
    if (asserted) this.#asserted?.();
  }

  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#asserted = resolve;
    });
  }
}

/** A guest's driver that waits for the interrupt, on a TIS device. */
async function startTis(backend: TpmBackend): Promise<GuestTransport> {
  const pacing = new InterruptPacing();
  const device = new TisDevice({ backend, irq: pacing });
  const outcome = await device.reset();
  if (!outcome.started) throw outcome.error;
  const driver = new TisDriver(device.mmio, { pacing, fifoWidth: 4 });
  await driver.requestLocality();
  device.mmio.write(INT_ENABLE, 4, DATA_AVAILABLE_INTERRUPT);
  return {
    async transmit(command) {
      const response = await driver.transmit(command);
      device.mmio.write(INT_STATUS, 4, ALL_INTERRUPTS);
      return response;
    },
  };
}

/** A guest's driver that polls once per turn of the event loop, on a CRB device. */
async function startCrb(backend: TpmBackend): Promise<GuestTransport> {
  const device = new CrbDevice({ backend });
  const outcome = await device.reset();
  if (!outcome.started) throw outcome.error;
  const driver = new CrbDriver(device.mmio);
  await driver.requestLocality();
  return driver;
}

const DEVICES = [
  ['TIS', startTis],
  ['polled CRB', startCrb],
] as const;

/** TPM2_PCR_Read through the registers of a device and our back end, as a ratio to a bare socket. */
export async function roundTripFigures(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tpmdev-bench-'));
  const bareProcess = startBareSwtpm(folder);
  try {
    const bare = new BareSocket(bareProcess.socket);
    const figures: Figure[] = [];
    for (const [name, start] of DEVICES) {
      const backend = await launchSwtpm({
        stateDirectory: join(folder, name),
        tpmVersion: '2.0',
      });
      try {
        figures.push(...(await compareWithSocket(name, await start(backend), bare)));
      } finally {
        await backend.close();
      }
    }
    return figures;
  } finally {
    await bareProcess.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compareWithSocket(
  name: string,
  driver: GuestTransport,
  bare: BareSocket,
): Promise<Figure[]> {
  await driver.transmit(STARTUP);
  const expected = (await bare.send(PCR_READ)).length;
  const result = await compare(
    async (count) => {
      for (let index = 0; index < count; index++) {
        const response = await driver.transmit(PCR_READ);
        if (response.length !== expected) throw new Error('The response has another length');
      }
    },
    async (count) => {
      for (let index = 0; index < count; index++) await bare.send(PCR_READ);
    },
    COUNT,
  );
  return [
    { name: `PCR_Read over a bare socket (beside ${name})`, value: result.b * 1e6, unit: 'µs' },
    { name: `PCR_Read through ${name} and swtpm`, value: result.a * 1e6, unit: 'µs' },
    {
      name: `PCR_Read, ${name} and swtpm to bare socket`,
      value: result.ratio,
      unit: 'times',
      aim: '≤ 1.3',
    },
  ];
}
