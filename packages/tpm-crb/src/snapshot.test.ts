import { fromHex, SUCCESS_RESPONSE } from '@tpmdev/testing/scripted-backend';
import { SnapshotError } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { message, Rig, STARTUP } from '../test/rig.js';
import { CTRL_START } from './registers.js';
import type { CrbSnapshot } from './snapshot.js';

/** Locality 0 owns the TPM, ready, after a fatal error, with bytes in the buffer. */
async function usedRig(): Promise<Rig> {
  const rig = await Rig.started();
  rig.request();
  rig.ready();
  rig.send('8001');
  rig.fill('a1b2c3', 100);
  return rig;
}

const EMPTY = new Uint8Array(0);

describe('CrbDevice.snapshot', () => {
  it('CrbDevice.snapshot() captures registers, buffer and configuration as plain data', async () => {
    const rig = await usedRig();
    const snapshot = await rig.device.snapshot();
    expect(structuredClone(snapshot)).toEqual(snapshot);
    const { dataBuffer, ...rest } = snapshot;
    expect(dataBuffer.length).toBe(3968);
    expect(dataBuffer.slice(100, 104)).toEqual(Uint8Array.of(0xa1, 0xb2, 0xc3, 0));
    expect(rest).toEqual({
      format: 'tpm-crb/1',
      configuration: {
        tpmVersion: '2.0',
        bufferSize: 3968,
        chunking: false,
        variant: 'pc',
        baseAddress: 0xfed4_0000,
      },
      locAssigned: true,
      tpmIdle: false,
      tpmSts: true,
      command: EMPTY,
      response: EMPTY,
      responseOffset: 0,
    });
  });

  it('CrbDevice.snapshot() waits for a command in flight and saves its answer in the buffer', async () => {
    const rig = await Rig.started();
    rig.request();
    rig.backend.hold();
    rig.send();
    const pending = rig.device.snapshot();
    rig.backend.release();
    const target = await Rig.started();
    target.device.restore(await pending);
    expect([target.running, target.data(12)]).toEqual([0, `${SUCCESS_RESPONSE}0000`]);
    expect(target.backend.exchanges).toEqual([]);
  });

  it('CrbDevice.snapshot() comes after a reset and the answer that it abandoned', async () => {
    const rig = await Rig.started();
    rig.request();
    rig.backend.hold();
    rig.send();
    void rig.device.reset();
    const pending = rig.device.snapshot();
    rig.backend.release();
    const { locAssigned, dataBuffer } = await pending;
    expect(locAssigned).toBe(false);
    expect(dataBuffer.slice(0, 10)).toEqual(fromHex(SUCCESS_RESPONSE));
  });

  it('CrbDevice.snapshot() does not change with the device', async () => {
    const rig = await usedRig();
    const snapshot = await rig.device.snapshot();
    const copy = structuredClone(snapshot);
    rig.fill('ff'.repeat(3968));
    await rig.device.reset();
    expect(snapshot).toEqual(copy);
  });
});

describe('CrbDevice.restore', () => {
  it('CrbDevice.restore() goes on where the snapshot was taken', async () => {
    const source = await usedRig();
    const target = await Rig.started();
    await target.device.reset({ restoring: true });
    expect(target.backend.log).toContain('start 3968 deferred');
    target.device.restore(await source.device.snapshot());
    expect(await target.device.snapshot()).toEqual(await source.device.snapshot());
    expect([0x00, 0x0c, 0x44].map((offset) => target.read(offset))).toEqual([0x83, 1, 1]);
    target.send();
    await target.device.settled();
    expect(target.backend.exchanges[0]?.command).toBe(STARTUP);
  });

  it('CrbDevice.restore() replaces all of a used device', async () => {
    const source = await Rig.started();
    const target = await usedRig();
    target.device.restore(await source.device.snapshot());
    expect(await target.device.snapshot()).toEqual(await source.device.snapshot());
    expect([0x00, 0x0c, 0x44].map((offset) => target.read(offset))).toEqual([0x81, 0, 2]);
  });

  it('CrbDevice.restore() keeps no hold on the snapshot', async () => {
    const source = await Rig.started({ responses: [message(5000)] }, { chunking: true });
    source.request();
    source.send();
    await source.device.settled();
    const snapshot = structuredClone(await source.device.snapshot());
    const target = await Rig.started({}, { chunking: true });
    target.device.restore(snapshot);
    snapshot.dataBuffer.fill(0xee);
    snapshot.response.fill(0xee);
    expect(await target.device.snapshot()).toEqual(await source.device.snapshot());
  });

  it('CrbDevice.restore() refuses to run while the device waits for its back end', async () => {
    const rig = await Rig.started();
    const snapshot = await rig.device.snapshot();
    const outcome = rig.device.reset({ restoring: true });
    expect(() => rig.device.restore(snapshot)).toThrow(SnapshotError);
    await outcome;
    rig.device.restore(snapshot);
  });

  const configuration = {
    tpmVersion: '2.0',
    bufferSize: 3968,
    chunking: false,
    variant: 'pc',
    baseAddress: 0xfed4_0000,
  };

  it.each([
    ['format: configured tpm-crb/1, saved tpm-tis/1', { format: 'tpm-tis/1' }],
    ['variant: configured pc, saved undefined', { configuration: undefined }],
    [
      'variant: configured pc, saved sysbus',
      { configuration: { ...configuration, variant: 'sysbus' } },
    ],
    [
      'tpmVersion: configured 2.0, saved 1.2',
      { configuration: { ...configuration, tpmVersion: '1.2' } },
    ],
    [
      'chunking: configured false, saved true',
      { configuration: { ...configuration, chunking: true } },
    ],
    [
      'baseAddress: configured 4275306496, saved 0',
      { configuration: { ...configuration, baseAddress: 0 } },
    ],
    [
      'bufferSize: configured 3968, saved 10',
      { configuration: { ...configuration, bufferSize: 10 } },
    ],
    ['locAssigned: expected true or false, saved 1', { locAssigned: 1 }],
    ['tpmIdle: expected true or false, saved undefined', { tpmIdle: undefined }],
    ['tpmSts: expected true or false, saved null', { tpmSts: null }],
    ['dataBuffer: expected 3968 bytes, saved 4096', { dataBuffer: new Uint8Array(4096) }],
    ['dataBuffer: expected 3968 bytes, saved NaN', { dataBuffer: 'x' }],
    ['command: allowed 0 to 0 bytes, as the header says, saved 12', { command: fromHex(STARTUP) }],
    [
      'response: allowed 0 to 0 bytes, as the header says, saved 12',
      { response: fromHex(STARTUP) },
    ],
    ['responseOffset: allowed 0 to 0, saved 1', { responseOffset: 1 }],
  ])('CrbDevice.restore() refuses with "%s" and changes nothing', async (text, change) => {
    const rig = await usedRig();
    const before = await rig.device.snapshot();
    const other = await (await Rig.started()).device.snapshot();
    expect(() => rig.device.restore({ ...other, ...change } as CrbSnapshot)).toThrow(
      new SnapshotError(text),
    );
    expect(await rig.device.snapshot()).toEqual(before);
  });

  const rule = 'allowed 0 to 4096 bytes, as the header says, saved';
  it.each([
    [`command: ${rule} NaN`, { command: undefined }],
    [`command: ${rule} 9`, { command: fromHex(message(12)).slice(0, 9) }],
    [`command: ${rule} 13`, { command: fromHex(`${message(12)}00`) }],
    [`command: ${rule} 4097`, { command: fromHex(message(4097)) }],
    [`response: ${rule} NaN`, { response: [] }],
    [`response: ${rule} 11`, { response: fromHex(message(12)).slice(0, 11) }],
    [`response: ${rule} 4097`, { response: fromHex(message(4097)) }],
    [
      'responseOffset: allowed 0 to 12, saved 13',
      { response: fromHex(message(12)), responseOffset: 13 },
    ],
    ['responseOffset: allowed 0 to 0, saved -1', { responseOffset: -1 }],
    [
      'responseOffset: allowed 0 to 12, saved 0.5',
      { response: fromHex(message(12)), responseOffset: 0.5 },
    ],
  ])('CrbDevice.restore() with chunking refuses with "%s"', async (text, change) => {
    const rig = await Rig.started({}, { chunking: true });
    rig.request();
    rig.fill(message(20));
    rig.start(CTRL_START.nextChunk);
    const before = await rig.device.snapshot();
    const other = await (await Rig.started({}, { chunking: true })).device.snapshot();
    expect(() => rig.device.restore({ ...other, ...change } as CrbSnapshot)).toThrow(
      new SnapshotError(text),
    );
    expect(await rig.device.snapshot()).toEqual(before);
  });

  it('CrbDevice.restore() refuses what is no snapshot at all', async () => {
    const rig = await Rig.started();
    for (const nothing of [undefined, null, 7, 'x', [], {}]) {
      expect(() => rig.device.restore(nothing as unknown as CrbSnapshot)).toThrow(SnapshotError);
    }
  });
});
