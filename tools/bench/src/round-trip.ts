import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchSwtpm } from 'tpm-backend-swtpm';
import { readHeader } from 'tpm-core';
import { TisDriver } from 'tpm-integration/guest';
import { TisDevice } from 'tpm-tis';
import { compare, type Figure } from './measure.ts';
import { startProcess } from './process.ts';

const COUNT = 2000;
const STARTUP = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0);
/** TPM2_PCR_Read of PCR 16 in the SHA-256 bank. */
const PCR_READ = Uint8Array.of(
  ...[0x80, 1, 0, 0, 0, 20, 0, 0, 1, 0x7e],
  ...[0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 1],
);

/** Sends a command and collects the response from a socket, with nothing in between. */
class BareSocket {
  readonly #socket: Socket;
  #chunks: Buffer = Buffer.alloc(0);
  #resolve: ((response: Uint8Array) => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks = this.#chunks.length === 0 ? chunk : Buffer.concat([this.#chunks, chunk]);
      const size = readHeader(this.#chunks)?.size ?? Number.POSITIVE_INFINITY;
      if (this.#chunks.length < size) return;
      const response = this.#chunks;
      this.#chunks = Buffer.alloc(0);
      this.#resolve?.(response);
    });
  }

  send(command: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#socket.write(command);
    });
  }
}

async function connectWhenListening(path: string): Promise<Socket> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await new Promise((resolve, reject) => {
        const socket = connect(path);
        socket.once('connect', () => resolve(socket));
        socket.once('error', reject);
      });
    } catch (error) {
      if (attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

/** TPM2_PCR_Read through TIS registers and our back end, as a ratio to a bare socket. */
export async function roundTripFigures(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tpmdev-bench-'));
  const path = join(folder, 'data');
  const bareProcess = startProcess('swtpm', [
    'socket',
    '--tpm2',
    ...['--tpmstate', `dir=${folder}`],
    ...['--server', `type=unixio,path=${path}`],
    ...['--flags', 'not-need-init,startup-clear'],
  ]);
  const ours = join(folder, 'ours');
  const backend = await launchSwtpm({ stateDirectory: ours, tpmVersion: '2.0' });
  try {
    const bare = new BareSocket(await connectWhenListening(path));
    const device = new TisDevice({ backend });
    const outcome = await device.reset();
    if (!outcome.started) throw outcome.error;
    const driver = new TisDriver(device.mmio);
    await driver.requestLocality();
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
      { name: 'PCR_Read over a bare socket', value: result.b * 1e6, unit: 'µs' },
      { name: 'PCR_Read through TIS and swtpm', value: result.a * 1e6, unit: 'µs' },
      {
        name: 'PCR_Read, TIS and swtpm to bare socket',
        value: result.ratio,
        unit: 'times',
        aim: '≤ 1.3',
      },
    ];
  } finally {
    await backend.close();
    await bareProcess.end();
    rmSync(folder, { recursive: true, force: true });
  }
}
