import { fixtureBytes } from '@tpmdev/testing/fixture';
import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import { SnapshotError } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { message, Rig } from '../test/rig.js';
import { CTRL_START } from './registers.js';
import { CRB_SNAPSHOT_FORMAT } from './snapshot.js';
import {
  CRB_STATE_STREAM_SIZE,
  decodeCrbChunkState,
  decodeCrbState,
  encodeCrbChunkState,
  encodeCrbState,
} from './state-stream.js';

/** Section and RAM block of a `pc` machine that QEMU saved. */
const saved = await fixtureBytes(new URL('../fixtures/state-crb-qemu72.bin.gz', import.meta.url));
const section = saved.subarray(0, CRB_STATE_STREAM_SIZE);
const ram = saved.subarray(CRB_STATE_STREAM_SIZE);

describe('decodeCrbState', () => {
  it('decodeCrbState() makes a state of what QEMU saved that a device takes', async () => {
    const rig = await Rig.started();
    const { configuration } = rig.device;
    const state = decodeCrbState(section, configuration);
    expect(state).toEqual({ locAssigned: true, tpmIdle: true, tpmSts: false });
    rig.device.restore({
      format: CRB_SNAPSHOT_FORMAT,
      configuration,
      dataBuffer: ram,
      ...state,
      ...decodeCrbChunkState(new Uint8Array(0)),
    });
    expect([0x00, 0x0c, 0x44].map((offset) => rig.read(offset))).toEqual([0x83, 1, 2]);
    expect(rig.data(20)).toBe('80010000005e000000000000001400000001000d');
  });

  it.each([
    [0, 'CRB state: expected 128 bytes, saved 0'],
    [127, 'CRB state: expected 128 bytes, saved 127'],
  ])('decodeCrbState() refuses %d bytes', async (length, text) => {
    const { configuration } = (await Rig.started()).device;
    expect(() => decodeCrbState(section.subarray(0, length), configuration)).toThrow(
      new SnapshotError(text),
    );
  });

  it.each([
    ['LOC_STATE', 0x03, 0x83, 'CRB state at 0x3: expected 130, saved 131'],
    ['LOC_STS', 0x0f, 0, 'CRB state at 0xf: expected 1, saved 0'],
    ['CTRL_REQ', 0x43, 1, 'CRB state at 0x43: expected 0, saved 1'],
    ['CTRL_START', 0x4f, 1, 'CRB state at 0x4f: expected 0, saved 1'],
    ['INTF_ID', 0x32, 0x5c, 'CRB state at 0x32: expected 88, saved 92'],
    ['CTRL_CMD_LADDR', 0x5c, 0x0c, 'CRB state at 0x5c: expected 254, saved 12'],
  ])('decodeCrbState() refuses a %s that the device never saves', async (_, at, byte, text) => {
    const { configuration } = (await Rig.started()).device;
    expect(() => decodeCrbState(section.with(at, byte), configuration)).toThrow(
      new SnapshotError(text),
    );
  });
});

describe('encodeCrbState', () => {
  it('encodeCrbState() gives the bytes that QEMU saved back', async () => {
    const { configuration } = (await Rig.started()).device;
    expect(encodeCrbState(decodeCrbState(section, configuration), configuration)).toEqual(section);
  });

  it('encodeCrbState() writes what the registers show, without tpmEstablished', async () => {
    const rig = await Rig.started({}, { variant: 'sysbus', baseAddress: 2 ** 40, chunking: true });
    rig.request();
    rig.ready();
    const { configuration } = rig.device;
    const bytes = encodeCrbState(await rig.device.snapshot(), configuration);
    const words = new DataView(bytes.buffer);
    for (let offset = 0; offset < 0x80; offset += 4) {
      expect(words.getUint32(offset)).toBe(offset === 0 ? 0x82 : rig.read(offset));
    }
    expect(words.getUint32(0x60)).toBe(0x100);
    expect(decodeCrbState(bytes, configuration)).toMatchObject({
      locAssigned: true,
      tpmIdle: false,
    });
  });
});

describe('encodeCrbChunkState', () => {
  it('encodeCrbChunkState() writes nothing when both buffers are empty', async () => {
    const snapshot = await (await Rig.started({}, { chunking: true })).device.snapshot();
    expect(encodeCrbChunkState(snapshot)).toEqual(new Uint8Array(0));
  });

  it('encodeCrbChunkState() writes lengths, bytes and position, which decodeCrbChunkState() reads', async () => {
    const rig = await Rig.started({ responses: [message(12)] }, { chunking: true });
    rig.request();
    rig.send();
    await rig.device.settled();
    rig.fill(message(11, 5));
    rig.start(CTRL_START.nextChunk);
    const { command, response, responseOffset } = await rig.device.snapshot();
    const bytes = encodeCrbChunkState({ command, response, responseOffset });
    expect(toHex(bytes)).toBe(`0000000b${message(11, 5)}0000000c${message(12)}0000000c`);
    expect(decodeCrbChunkState(bytes)).toEqual({ command, response, responseOffset });
  });

  it('encodeCrbChunkState() has room for the longest command and response', () => {
    const longest = fromHex(message(65_536));
    const bytes = encodeCrbChunkState({ command: longest, response: longest, responseOffset: 9 });
    expect(bytes.length).toBe(2 * 65_536 + 12);
    expect(decodeCrbChunkState(bytes).response).toEqual(longest);
  });
});

describe('decodeCrbChunkState', () => {
  it.each([
    '00',
    '0000000b',
    'ffffffff',
    `0000000a${'00'.repeat(9)}`,
    '00'.repeat(11),
    '00'.repeat(13),
  ])('decodeCrbChunkState() refuses %s', (hex) => {
    expect(() => decodeCrbChunkState(fromHex(hex))).toThrow(
      new SnapshotError(
        `CRB chunk state: expected two buffers and an offset, saved ${hex.length / 2} bytes`,
      ),
    );
  });
});
