import { SnapshotError } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { Rig, STARTUP } from '../test/rig.js';
import { STS } from './registers.js';
import type { TisLocalityState, TisSnapshot } from './snapshot.js';

/** Locality 0 receives, with an event pending; locality 2 waits. */
async function busyRig(): Promise<Rig> {
  const rig = await Rig.started();
  rig.request(0);
  rig.enableInterrupts(0);
  rig.ready(0);
  rig.feed(0, STARTUP.slice(0, 14));
  rig.request(2);
  rig.write(0, 0x30, 0x0008_0000);
  return rig;
}

function withLocality(
  snapshot: TisSnapshot,
  number: number,
  change: Partial<Record<keyof TisLocalityState, unknown>>,
): TisSnapshot {
  const localities = snapshot.localities.map((locality, index) =>
    index === number ? ({ ...locality, ...change } as TisLocalityState) : locality,
  );
  return { ...snapshot, localities };
}

describe('TisDevice.snapshot', () => {
  it('TisDevice.snapshot() captures registers, buffer, configuration and line as plain data', async () => {
    const rig = await busyRig();
    const snapshot = await rig.device.snapshot();
    expect(structuredClone(snapshot)).toEqual(snapshot);
    expect(snapshot.buffer.length).toBe(4096);
    const { buffer: _, localities, ...rest } = snapshot;
    expect(rest).toEqual({
      format: 'tpm-tis/1',
      configuration: { tpmVersion: '2.0', bufferSize: 4096, irqNumber: 5, variant: 'isa' },
      offset: 7,
      activeLocality: 0,
      abortingLocality: -1,
      nextLocality: -1,
      lineAsserted: true,
    });
    expect(localities[0]).toEqual({
      state: 'reception',
      interruptEnable: 0x8000_0087,
      interruptStatus: 0x80,
      access: 0xa0,
      status: 0x0400_0088,
      interfaceId: 0x0008_2100,
    });
    expect(localities[2]).toEqual({
      state: 'idle',
      interruptEnable: 8,
      interruptStatus: 0,
      access: 0x82,
      status: 0x0400_0000,
      interfaceId: 0x0008_2100,
    });
  });

  it('TisDevice.snapshot() waits for a command in flight and takes in its answer', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    const pending = rig.device.snapshot();
    rig.backend.release();
    const snapshot = await pending;
    expect(snapshot.localities[0]?.state).toBe('completion');
    const target = await Rig.started();
    target.device.restore(snapshot);
    expect(target.status(0)).toBe(0x0400_0a90);
    expect(target.backend.exchanges).toEqual([]);
  });

  it('TisDevice.snapshot() comes to an end though the guest sends one command after another', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    const first = rig.device.snapshot();
    rig.backend.release();
    const second = rig.device.settled().then(() => rig.send(0));
    expect((await first).localities[0]?.state).toBe('completion');
    await second;
    await rig.device.settled();
  });

  it('TisDevice.snapshot() does not change with the device', async () => {
    const rig = await busyRig();
    const snapshot = await rig.device.snapshot();
    const copy = structuredClone(snapshot);
    rig.feed(0, STARTUP.slice(14));
    await rig.device.reset();
    expect(snapshot).toEqual(copy);
  });
});

describe('TisDevice.restore', () => {
  it('TisDevice.restore() goes on where the snapshot was taken', async () => {
    const source = await busyRig();
    const target = await Rig.started();
    await target.device.reset({ restoring: true });
    target.device.restore(await source.device.snapshot());
    expect(target.levels).toEqual([true]);
    expect(await target.device.snapshot()).toEqual(await source.device.snapshot());
    target.feed(0, STARTUP.slice(14));
    target.go(0);
    await target.device.settled();
    expect(target.backend.exchanges[0]?.command).toBe(STARTUP);
  });

  it('TisDevice.restore() drops the line when the snapshot says so', async () => {
    const source = await Rig.started();
    const target = await busyRig();
    target.device.restore(await source.device.snapshot());
    expect(target.line).toBe(false);
  });

  it('TisDevice.restore() keeps no hold on the snapshot', async () => {
    const source = await busyRig();
    const snapshot = await source.device.snapshot();
    const target = await Rig.started();
    target.device.restore(snapshot);
    snapshot.buffer.fill(0xee);
    expect((await target.device.snapshot()).buffer[0]).toBe(0x80);
  });

  it.each([
    ['Snapshot format: configured tpm-tis/1, saved tpm-crb/1', { format: 'tpm-crb/1' }],
    ['Buffer: expected 4096 bytes, saved 10', { buffer: new Uint8Array(10) }],
    ['Buffer: expected 4096 bytes, saved undefined', { buffer: 'x' }],
    ['Buffer offset: allowed 0 to 4096, saved 4097', { offset: 4097 }],
    ['Buffer offset: allowed 0 to 4096, saved -1', { offset: -1 }],
    ['Buffer offset: allowed 0 to 4096, saved 0.5', { offset: 0.5 }],
    ['Active locality: allowed -1 to 4, saved 5', { activeLocality: 5 }],
    ['Aborting locality: allowed -1 to 4, saved NaN', { abortingLocality: Number.NaN }],
    ['Next locality: allowed -1 to 4, saved -2', { nextLocality: -2 }],
    ['Localities: expected 5, saved 0', { localities: [] }],
    ['Localities: expected 5, saved undefined', { localities: undefined }],
    [
      'Locality 0 state: allowed idle, ready, completion, execution, reception, saved undefined',
      { localities: [1, 2, 3, 4, 5] },
    ],
    ['Interrupt line level: expected true or false, saved 1', { lineAsserted: 1 }],
    [
      'TPM version: configured 2.0, saved 1.2',
      { configuration: { tpmVersion: '1.2', bufferSize: 4096, irqNumber: 5, variant: 'isa' } },
    ],
    [
      'Buffer size: configured 4096, saved 300',
      { configuration: { tpmVersion: '2.0', bufferSize: 300, irqNumber: 5, variant: 'isa' } },
    ],
    [
      'Interrupt number: configured 5, saved 10',
      { configuration: { tpmVersion: '2.0', bufferSize: 4096, irqNumber: 10, variant: 'isa' } },
    ],
    [
      'TIS variant: configured isa, saved sysbus',
      { configuration: { tpmVersion: '2.0', bufferSize: 4096, irqNumber: 5, variant: 'sysbus' } },
    ],
    ['TIS variant: configured isa, saved undefined', { configuration: undefined }],
  ])('TisDevice.restore() refuses with "%s" and changes nothing', async (message, change) => {
    const rig = await busyRig();
    const before = await rig.device.snapshot();
    const source = await Rig.started();
    const snapshot = { ...(await source.device.snapshot()), ...change } as TisSnapshot;
    expect(() => rig.device.restore(snapshot)).toThrow(new SnapshotError(message));
    expect(await rig.device.snapshot()).toEqual(before);
  });

  it.each([
    ['state', 'asleep'],
    ['interruptEnable', 0x20],
    ['interruptEnable', -1],
    ['interruptStatus', 0x88],
    ['interruptStatus', 2 ** 32],
    ['access', 0xa0],
    ['access', 0x02],
    ['access', 0x84],
    ['status', 0],
    ['status', 0x0c00_0000],
    ['status', 0x0410_0000],
    ['interfaceId', 0xffff_ffff],
    ['interfaceId', 0x2101],
  ])('TisDevice.restore() refuses %s %s in a locality', async (field, value) => {
    const rig = await Rig.started();
    const snapshot = withLocality(await rig.device.snapshot(), 3, { [field]: value });
    expect(() => rig.device.restore(snapshot)).toThrow(/^Locality 3 .*, saved /);
  });

  it('TisDevice.restore() refuses to run while the device waits for its back end', async () => {
    const rig = await Rig.started();
    const snapshot = await rig.device.snapshot();
    const outcome = rig.device.reset({ restoring: true });
    expect(() => rig.device.restore(snapshot)).toThrow(SnapshotError);
    await outcome;
    rig.device.restore(snapshot);
    expect(rig.backend.log).toContain('start 4096 deferred');
  });

  it('TisDevice.restore() keeps a locality stuck in Execution, and its abort pending', async () => {
    const source = await Rig.started();
    source.request(0);
    source.backend.hold();
    source.send(0);
    source.release(0);
    source.request(1);
    source.send(1);
    source.backend.release();
    await source.device.settled();
    source.release(1);
    source.request(0);
    source.ready(0);
    const target = await Rig.started();
    target.device.restore(await source.device.snapshot());
    target.release(0);
    target.request(2);
    target.send(2);
    await target.device.settled();
    expect(target.accesses).toBe('a1 81 81 81 81');
    expect(target.status(0) & 0xff).toBe(STS.commandReady);
  });

  it('TisDevice.restore() raises no interrupt of its own', async () => {
    const source = await Rig.started();
    source.request(1);
    source.enableInterrupts(1);
    const target = await Rig.started();
    target.device.restore(await source.device.snapshot());
    expect(target.read(1, 0x10)).toBe(0);
    expect(target.levels).toEqual([false]);
  });
});
