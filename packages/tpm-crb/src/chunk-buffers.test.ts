import {
  fromHex,
  type ScriptedBackendOptions,
  SUCCESS_RESPONSE,
} from '@tpmdev/testing/scripted-backend';
import { describe, expect, it } from 'vitest';
import { FAILURE, message, Rig, STARTUP } from '../test/rig.js';
import { CRB_CHUNKED_BUFFER_LIMIT, CRB_DATA_BUFFER_SIZE, CTRL_START } from './registers.js';

const { nextChunk, crbRspRetry, start } = CTRL_START;
const SIZE: number = CRB_DATA_BUFFER_SIZE;
const COMMAND = message(6000);
const RESPONSE = message(6000, 100);

/** A device with chunking that owns the TPM, in front of a back end of 8192 bytes. */
async function chunkingRig(options: ScriptedBackendOptions = {}): Promise<Rig> {
  const rig = await Rig.started(
    { bufferSize: 8192, responses: [RESPONSE], ...options },
    { chunking: true },
  );
  rig.request();
  return rig;
}

/** @returns the bytes from `start` on as a data buffer shows them: zeros behind */
function shown(hex: string, at: number): string {
  return hex.slice(2 * at, 2 * (at + SIZE)).padEnd(2 * SIZE, '0');
}

/** A rig that the guest left after some of the pieces: 0 to 2 of the command, 1 to 2 of the response. */
const MOMENTS: readonly (readonly [string, (rig: Rig) => Promise<void>])[] = [
  ['before the command', async () => {}],
  [
    'after the first piece of the command',
    async (rig) => {
      rig.fill(COMMAND.slice(0, 2 * SIZE));
      rig.start(nextChunk);
    },
  ],
  [
    'after the whole command',
    async (rig) => {
      rig.fill(COMMAND.slice(0, 2 * SIZE));
      rig.start(nextChunk);
      rig.fill(COMMAND.slice(2 * SIZE));
      rig.start(nextChunk);
    },
  ],
  [
    'after the first piece of the response',
    async (rig) => {
      rig.sendChunks(COMMAND);
      await rig.device.settled();
    },
  ],
  [
    'after the whole response',
    async (rig) => {
      rig.sendChunks(COMMAND);
      await rig.device.settled();
      rig.start(nextChunk);
    },
  ],
];

/** Brings a rig at a moment to the end of the response, and looks at every byte of it. */
async function finish(rig: Rig, moment: number): Promise<void> {
  if (moment === 0) rig.sendChunks(COMMAND);
  if (moment === 1) {
    rig.fill(COMMAND.slice(2 * SIZE));
    rig.start();
  }
  if (moment === 2) rig.start();
  await rig.device.settled();
  if (moment < 4) {
    expect(rig.data()).toBe(shown(RESPONSE, 0));
    rig.start(nextChunk);
  }
  expect(rig.data()).toBe(shown(RESPONSE, SIZE));
  expect(rig.backend.exchanges.map(({ command }) => command)).toEqual([COMMAND]);
  expect([rig.running, rig.status & 1]).toEqual([0, 0]);
}

describe('CrbDevice with chunking', () => {
  it('CrbDevice with chunking says so in INTF_ID and shows the same buffer sizes', async () => {
    const rig = await chunkingRig();
    expect([0x30, 0x58, 0x64].map((offset) => rig.read(offset))).toEqual([
      0x0002_5c11, 0xf80, 0xf80,
    ]);
    expect(rig.device.configuration).toMatchObject({ chunking: true, bufferSize: 8192 });
  });

  it('CrbDevice with chunking takes no more than its limit from any back end', async () => {
    const rig = await chunkingRig({ bufferSize: 2 ** 31 });
    expect(rig.device.configuration.bufferSize).toBe(CRB_CHUNKED_BUFFER_LIMIT);
    const command = message(CRB_CHUNKED_BUFFER_LIMIT);
    rig.sendChunks(command);
    await rig.device.settled();
    expect(rig.backend.exchanges[0]?.command).toBe(command);
  });

  it('CrbDevice with chunking moves 6000 bytes each way, every byte right', async () => {
    const rig = await chunkingRig();
    rig.sendChunks(COMMAND);
    expect(rig.running).toBe(1);
    await rig.device.settled();
    expect(rig.backend.exchanges[0]).toMatchObject({ locality: 0, command: COMMAND });
    expect(rig.receiveChunks(6000)).toBe(RESPONSE);
  });

  it.each([10, 11, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE - 1, 2 * SIZE, 2 * SIZE + 1, 8192])(
    'CrbDevice with chunking moves a command and a response of %d bytes',
    async (length) => {
      const command = message(length, 3);
      const response = message(length, 77);
      const rig = await chunkingRig({ responses: [response] });
      rig.sendChunks(command);
      await rig.device.settled();
      expect(rig.backend.exchanges[0]?.command).toBe(command);
      expect(rig.receiveChunks(length)).toBe(response);
      expect(rig.data()).toBe(shown(response, Math.floor((length - 1) / SIZE) * SIZE));
    },
  );

  it('CrbDevice with chunking fills the buffer with zeros behind the response', async () => {
    const rig = await chunkingRig({ responses: [SUCCESS_RESPONSE] });
    rig.fill('77'.repeat(SIZE));
    rig.send();
    rig.fill('88'.repeat(50), 20);
    await rig.device.settled();
    expect(rig.data()).toBe(shown(SUCCESS_RESPONSE, 0));
  });

  it.each([
    [start | nextChunk | crbRspRetry, start],
    [0x8000_0001, start],
    [0xffff_ffff, start],
    [nextChunk | crbRspRetry, nextChunk],
    [0x104, nextChunk],
    [0x82, crbRspRetry],
  ])('CrbDevice with chunking takes %d written to CTRL_START as %d', async (written, meaning) => {
    const [rig, twin] = [await chunkingRig(), await chunkingRig()];
    for (const [each, bits] of [
      [rig, written],
      [twin, meaning],
    ] as const) {
      each.sendChunks(COMMAND);
      await each.device.settled();
      each.start(nextChunk);
      each.fill(message(100));
      each.start(bits);
      await each.device.settled();
    }
    expect(await rig.device.snapshot()).toEqual(await twin.device.snapshot());
    expect(rig.backend.exchanges).toEqual(twin.backend.exchanges);
  });

  it.each([start, nextChunk, crbRspRetry])(
    'CrbDevice with chunking ignores CTRL_START %d without locality and during a command',
    async (bits) => {
      const rig = await chunkingRig();
      rig.fill(COMMAND.slice(0, 2 * SIZE));
      rig.relinquish();
      rig.start(bits);
      expect((await rig.device.snapshot()).command.length).toBe(0);
      rig.request();
      rig.start(nextChunk);
      rig.backend.hold();
      rig.fill(COMMAND.slice(2 * SIZE));
      rig.start();
      const before = rig.data();
      rig.start(bits);
      expect([rig.data(), rig.running]).toEqual([before, 1]);
      rig.backend.release();
      await rig.device.settled();
      expect(rig.backend.exchanges.map(({ command }) => command)).toEqual([COMMAND]);
    },
  );

  it.each([
    [start, 0],
    [start, 9],
    [nextChunk, 0],
    [nextChunk, 9],
  ])(
    'CrbDevice with chunking refuses CTRL_START %d with a first piece of length %d',
    async (bits, length) => {
      const rig = await chunkingRig();
      rig.sendChunks(COMMAND);
      await rig.device.settled();
      rig.start(nextChunk);
      rig.fill(`80010000000${length}00000144`);
      const before = rig.data();
      rig.start(bits);
      expect([rig.running, rig.status, rig.data()]).toEqual([0, 3, before]);
      expect(rig.backend.exchanges.length).toBe(1);
      expect(await rig.device.snapshot()).toMatchObject({
        command: new Uint8Array(0),
        response: new Uint8Array(0),
        responseOffset: 0,
      });
    },
  );

  it('CrbDevice with chunking cuts a command to the buffer size', async () => {
    const rig = await chunkingRig();
    const command = `8001ffffffff${message(9000).slice(12)}`;
    rig.sendChunks(command);
    await rig.device.settled();
    expect(rig.backend.exchanges[0]?.command).toBe(command.slice(0, 2 * 8192));
  });

  it('CrbDevice with chunking leaves zeros and no response after a failure', async () => {
    const rig = await chunkingRig();
    rig.sendChunks(COMMAND);
    await rig.device.settled();
    rig.backend.fail();
    rig.send();
    await rig.device.settled();
    expect(rig.backend.exchanges[1]?.response).toBe(FAILURE);
    expect([rig.status, rig.running, rig.data()]).toEqual([3, 0, '00'.repeat(SIZE)]);
    rig.fill(STARTUP);
    rig.start(crbRspRetry);
    expect(rig.data(12)).toBe(STARTUP);
  });

  it('CrbDevice with chunking shows a response again from its first piece', async () => {
    const rig = await chunkingRig();
    rig.sendChunks(COMMAND);
    await rig.device.settled();
    for (let round = 0; round < 3; round++) {
      rig.start(nextChunk);
      expect(rig.data()).toBe(shown(RESPONSE, SIZE));
      rig.fill('99'.repeat(SIZE));
      rig.start(crbRspRetry);
      expect(rig.data()).toBe(shown(RESPONSE, 0));
      rig.start(crbRspRetry);
      expect(rig.data()).toBe(shown(RESPONSE, 0));
    }
  });

  it.each(MOMENTS.map(([name, live], moment) => [name, live, moment] as const))(
    'CrbDevice with chunking is not disturbed by goIdle, cancel or a change of locality %s',
    async (_, live, moment) => {
      const rig = await chunkingRig();
      await live(rig);
      rig.idle();
      rig.cancel();
      rig.relinquish();
      rig.start(nextChunk);
      rig.request();
      rig.ready();
      expect(rig.backend.log).not.toContain('cancel');
      await finish(rig, moment);
    },
  );

  it.each(MOMENTS.map(([name, live], moment) => [name, live, moment] as const))(
    'CrbDevice with chunking shows the response from the start on crbRspRetry %s',
    async (_, live, moment) => {
      const rig = await chunkingRig();
      await live(rig);
      rig.start(crbRspRetry);
      await finish(rig, Math.min(moment, 3));
    },
  );

  it.each(MOMENTS)('CrbDevice with chunking forgets all pieces on reset %s', async (_, live) => {
    const rig = await chunkingRig();
    await live(rig);
    const before = rig.data();
    await rig.device.reset();
    expect(rig.data()).toBe(before);
    rig.request();
    rig.start(crbRspRetry);
    expect(rig.data()).toBe(before);
    rig.backend.exchanges.length = 0;
    rig.backend.respond(RESPONSE);
    await finish(rig, 0);
  });

  it.each(MOMENTS.map(([name, live], moment) => [name, live, moment] as const))(
    'CrbDevice with chunking goes on in another device after snapshot and restore %s',
    async (_, live, moment) => {
      const source = await chunkingRig();
      await live(source);
      const target = await chunkingRig({ responses: moment < 3 ? [RESPONSE] : [] });
      await target.device.reset({ restoring: true });
      target.device.restore(structuredClone(await source.device.snapshot()));
      if (moment < 3) await finish(target, moment);
      else {
        target.start(crbRspRetry);
        expect(target.receiveChunks(6000)).toBe(RESPONSE);
      }
    },
  );

  it('CrbDevice with chunking takes the answer into a snapshot that is asked for during a command', async () => {
    const source = await chunkingRig();
    source.backend.hold();
    source.sendChunks(COMMAND);
    const pending = source.device.snapshot();
    source.backend.release();
    const target = await chunkingRig();
    target.device.restore(await pending);
    expect(target.receiveChunks(6000)).toBe(RESPONSE);
    expect(target.backend.exchanges).toEqual([]);
  });

  it('CrbDevice with chunking shows the first piece of an answer that comes after a reset, no more', async () => {
    const rig = await chunkingRig();
    rig.backend.hold();
    rig.sendChunks(COMMAND);
    const outcome = rig.device.reset();
    rig.backend.release();
    await outcome;
    expect(rig.data()).toBe(shown(RESPONSE, 0));
    const { response } = await rig.device.snapshot();
    expect(response.length).toBe(0);
  });

  it('CrbDevice with chunking keeps a piece that the guest hands over before such an answer', async () => {
    const rig = await chunkingRig();
    rig.fill(COMMAND.slice(0, 2 * SIZE));
    rig.start(nextChunk);
    rig.fill(COMMAND.slice(2 * SIZE));
    rig.backend.hold();
    rig.start();
    const outcome = rig.device.reset();
    rig.fill(COMMAND.slice(0, 2 * SIZE));
    rig.request();
    rig.start(nextChunk);
    rig.backend.release();
    await outcome;
    expect((await rig.device.snapshot()).command).toEqual(fromHex(COMMAND.slice(0, 2 * SIZE)));
  });

  it('CrbDevice with chunking keeps a piece that lay in the buffer since before the reset', async () => {
    const rig = await chunkingRig();
    rig.backend.hold();
    rig.fill(COMMAND.slice(0, 2 * SIZE));
    rig.start();
    const outcome = rig.device.reset();
    rig.request();
    rig.start(nextChunk);
    rig.backend.release();
    await outcome;
    expect((await rig.device.snapshot()).command).toEqual(fromHex(COMMAND.slice(0, 2 * SIZE)));
    expect(rig.data()).toBe(COMMAND.slice(0, 2 * SIZE));
  });

  it('CrbDevice with chunking keeps no hold on the memory of a response', async () => {
    const rig = await chunkingRig();
    const response = fromHex(RESPONSE);
    rig.backend.replaceHeldResponse(response);
    rig.sendChunks(COMMAND);
    await rig.device.settled();
    response.fill(0xee);
    expect(rig.receiveChunks(6000)).toBe(RESPONSE);
  });
});
