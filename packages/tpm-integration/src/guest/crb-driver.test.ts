import {
  type AccessWidth,
  fabricateFailureResponse,
  type MmioRegion,
  type TpmRequest,
  WireWriter,
} from 'tpm-core';
import { CrbDevice } from 'tpm-crb';
import { describe, expect, test } from 'vitest';
import { ScriptedBackend } from '../../test/support/scripted-backend.js';
import { CrbDriver } from './crb-driver.js';
import { GuestDriverError, type Pacing } from './transport.js';

const WINDOW = 0xf80;

/** @returns a message of `length` bytes, each of which tells where it is */
function message(length: number, code: number): Uint8Array {
  const body = Uint8Array.from({ length: length - 10 }, (_, index) => (7 * index + code) & 0xff);
  return new WireWriter().uint16(0x8001).uint32(length).uint32(code).bytes(body).finish();
}

/** Answers each command with a message, or with a failure when there is none. */
class AnsweringBackend extends ScriptedBackend {
  readonly received: Uint8Array[] = [];
  answer: Uint8Array | undefined;

  override async bufferSize(): Promise<number> {
    return 8192;
  }
  override async execute({ command }: TpmRequest) {
    this.received.push(command);
    const response = this.answer ?? fabricateFailureResponse();
    return { response, failed: this.answer === undefined };
  }
}

async function rig(chunking: boolean, answer: Uint8Array | undefined) {
  const backend = new AnsweringBackend();
  backend.answer = answer;
  const device = new CrbDevice({ backend, chunking });
  await device.reset();
  const writes: string[] = [];
  const mmio: MmioRegion = {
    size: device.mmio.size,
    read: (offset, width) => device.mmio.read(offset, width),
    write: (offset, width, value) => {
      if (offset < 0x80) writes.push(`${offset.toString(16)}=${value}`);
      device.mmio.write(offset, width, value);
    },
  };
  const driver = new CrbDriver(mmio);
  await driver.requestLocality();
  return { backend, device, driver, writes };
}

describe('CrbDriver.transmit()', () => {
  test('writes the registers in the order of Linux', async () => {
    const { driver, writes } = await rig(false, message(20, 0));
    await driver.transmit(message(12, 0x144));
    driver.relinquishLocality();
    expect(writes).toEqual(['8=1', '40=1', '48=0', '4c=1', '40=2', '8=2']);
  });

  test.each([
    [false, 10, 10],
    [false, 13, 20],
    [false, WINDOW, WINDOW],
    [true, 10, 10],
    [true, WINDOW, WINDOW],
    [true, WINDOW + 1, WINDOW + 1],
    [true, 2 * WINDOW, 2 * WINDOW],
    [true, 8192, 8192],
    [true, 12, 6000],
    [true, 6000, 12],
  ])('with chunking %s passes %i bytes on and hands %i back', async (chunking, sent, answered) => {
    const response = message(answered, 0);
    const { driver, backend } = await rig(chunking, response);
    for (let round = 0; round < 2; round++) {
      expect(await driver.transmit(message(sent, 0x17a))).toEqual(response);
    }
    expect(backend.received).toEqual([message(sent, 0x17a), message(sent, 0x17a)]);
  });

  test('refuses a command beyond the buffer without chunking, and goes on', async () => {
    const { driver, backend } = await rig(false, message(10, 0));
    await expect(driver.transmit(message(WINDOW + 1, 0x17a))).rejects.toThrow(
      'The command has 3969 bytes; the device takes 3968 at most',
    );
    expect(backend.received).toEqual([]);
    expect(await driver.transmit(message(10, 0x17a))).toEqual(message(10, 0));
  });

  test('reports a fatal error and leaves the device in Idle', async () => {
    const { driver, device } = await rig(false, undefined);
    await expect(driver.transmit(message(10, 0x17a))).rejects.toThrow(GuestDriverError);
    expect(device.mmio.read(0x44, 4)).toBe(3);
  });

  test.each([
    ['a response shorter than a header', { 128: 0x0180, 132: 0x0900 }, 'a size of 9 bytes'],
    ['a response beyond the buffer', { 128: 0x0180, 132: 0x810f }, 'a size of 3969 bytes'],
    ['a buffer that passes the region', { 88: 0x1000 }, 'as buffer'],
    ['a buffer without room for a header', { 88: 9 }, 'as buffer'],
    ['a command that is never answered', { 76: 1 }, 'gave up after 3 polls'],
  ])('gives up at %s', async (_case, planted, message) => {
    const values: Record<number, number> = { 88: WINDOW, 92: 0x80, 100: WINDOW, 104: 0x80 };
    Object.assign(values, planted);
    const mmio: MmioRegion = {
      size: 0x1000,
      read: (offset: number, width: AccessWidth) =>
        ((values[offset & ~3] ?? 0) >>> (8 * (offset & 3))) & (2 ** (8 * width) - 1),
      write: () => {},
    };
    const pacing: Pacing = { turn: async () => {}, limit: 3 };
    const driver = new CrbDriver(mmio, { pacing });
    await expect(driver.transmit(new Uint8Array(10))).rejects.toThrow(message);
  });
});

test('CrbDriver.identify() tells vendor, device, revision and interface', async () => {
  const { driver } = await rig(false, undefined);
  expect(driver.identify()).toEqual({
    vendorId: 0x1014,
    deviceId: 0,
    revisionId: 0,
    interfaceId: 0x0002_5811,
  });
});
