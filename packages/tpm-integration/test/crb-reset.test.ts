import { setTimeout as sleep } from 'node:timers/promises';
import { connectSwtpm } from 'tpm-backend-swtpm';
import { afterEach, describe, expect, test } from 'vitest';
import { FakeSwtpm } from './support/fake-swtpm.js';
import {
  type Driven,
  type MachineChoice,
  startEmulator,
  startHeadless,
  until,
} from './support/peers.js';
import { QtestCrb } from './support/qtest-crb.js';
import { Resources } from './support/resources.js';

const resources = new Resources();
afterEach(() => resources.release());

const CRB: MachineChoice = { family: 'q35', model: 'tpm-crb', memory: 16 };

/** Milliseconds without an answer after which a machine counts as waiting. */
const SILENCE = 200;

const COMMAND = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0);
const RESPONSE = '80010000000e00000000c0ffee00';
const MEMORY_OVERWRITE = '0xfed4515a';
const TAIL = '0xfed40100';

/** What shows of the device, its data buffer, PPI memory and a place in guest memory. */
const SHOWN = ['read 0xfed40000 4096', 'readb 0xfed4515a', 'readl 0x100000'] as const;

type Start = (fake: FakeSwtpm) => Promise<Driven>;

const startQemu: Start = (fake) => startEmulator(resources, CRB, fake.controlPath);

const startOurs: Start = async (fake) => {
  const backend = await connectSwtpm({ controlPath: fake.controlPath });
  resources.add(() => backend.close());
  return startHeadless(resources, CRB, backend);
};

/** Waits until a machine answers no more: it is in the middle of its reset and waits for the TPM. */
async function untilSilent({ client }: Driven): Promise<void> {
  await until(async () => {
    const limit = new AbortController();
    const answered = client.command('endianness').then(() => false);
    const silent = sleep(SILENCE, true, { signal: limit.signal });
    const isSilent = await Promise.race([answered, silent]);
    limit.abort();
    silent.catch(() => {});
    return isSilent;
  }, 'the reset to begin');
}

/** Resets a machine while its TPM keeps an answer back. @returns what shows afterwards */
async function resetDuringCommand(start: Start, request: number): Promise<string[]> {
  const properties = { version: '2.0', bufferSize: 4096, established: false } as const;
  const fake = await FakeSwtpm.start(resources, properties, [RESPONSE]);
  const machine = await start(fake);
  await machine.client.commands([
    `writeb ${MEMORY_OVERWRITE} ${request}`,
    `writel ${TAIL} 0xcafebabe`,
    'writel 0x100000 0x12345678',
  ]);
  fake.hold();
  await new QtestCrb(machine.client).submit(COMMAND);
  await until(() => fake.hasCommand, 'the command to reach the TPM');
  const reset = await machine.beginReset();
  await untilSilent(machine);
  fake.release();
  await reset.done;
  const shown = await machine.client.commands([...SHOWN]);
  return shown.map(({ answer }) => answer);
}

describe('a reset during a command of a tpm-crb leaves the response in the buffer', () => {
  test.each([0x00, 0x01])(
    'on QEMU and on HeadlessMachine, with memory overwrite %i',
    async (request) => {
      const qemu = await resetDuringCommand(startQemu, request);
      expect(await resetDuringCommand(startOurs, request)).toEqual(qemu);
      const [page, ppi, ram] = qemu;
      const at = (offset: number, length: number) =>
        page!.slice('OK 0x'.length).slice(2 * offset, 2 * (offset + length));
      const isKept = request === 0;
      expect(at(0x80, 14)).toBe(RESPONSE);
      expect(at(0x100, 4)).toBe(isKept ? 'bebafeca' : '00000000');
      expect(at(0x44, 8)).toBe('0200000000000000');
      expect(ppi).toBe(`OK 0x${request.toString(16).padStart(16, '0')}`);
      expect(ram).toBe(`OK 0x${(isKept ? 0x1234_5678 : 0).toString(16).padStart(16, '0')}`);
    },
  );
});
