import { describe, expect, it } from 'vitest';
import { Rig } from '../test/rig.js';
import { INT_ENABLE, INT_STATUS } from './registers.js';

function interruptStatus(rig: Rig, locality: number): number {
  return rig.read(locality, INT_STATUS.offset);
}

function acknowledge(rig: Rig, locality: number, events: number): void {
  rig.write(locality, INT_STATUS.offset, events);
}

describe('TisCore.raiseInterrupt', () => {
  it('TisCore.raiseInterrupt() reports each event of a command once', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.enableInterrupts(0);
    rig.ready(0);
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0x80, true]);
    acknowledge(rig, 0, 0x80);
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0, false]);
    rig.ready(0);
    expect(rig.line).toBe(false);
    rig.feed(0, '80010000000a0000017b');
    expect(rig.line).toBe(false);
    rig.go(0);
    await rig.device.settled();
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0x03, true]);
    acknowledge(rig, 0, 0x01);
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0x02, true]);
    acknowledge(rig, 0, 0x02);
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0, false]);
    rig.drain(0, 10);
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0x02, true]);
    rig.ready(0);
    expect(interruptStatus(rig, 0)).toBe(0x82);
  });

  it.each([
    [INT_ENABLE.stsValid, 0x03, true],
    [INT_ENABLE.dataAvail, 0x03, true],
    [INT_ENABLE.commandReady, 0x80, true],
    [INT_ENABLE.localityChange, 0, false],
  ])('TisCore.raiseInterrupt() with only 0x%i enabled sets 0x%i', async (events, status, line) => {
    const rig = await Rig.started();
    rig.request(0);
    rig.enableInterrupts(0, events);
    rig.send(0);
    await rig.device.settled();
    expect([interruptStatus(rig, 0), rig.line]).toEqual([status, line]);
  });

  it('TisCore.raiseInterrupt() does nothing without globalIntEnable, also when enabled later', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.write(0, INT_ENABLE.offset, 0x87);
    rig.ready(0);
    rig.enableInterrupts(0);
    expect([interruptStatus(rig, 0), rig.levels]).toEqual([0, []]);
  });

  it('TisCore.raiseInterrupt() tells a locality that it became the owner', async () => {
    const rig = await Rig.started();
    rig.request(2);
    rig.enableInterrupts(2, INT_ENABLE.localityChange);
    rig.release(2);
    expect(rig.line).toBe(false);
    rig.request(2);
    expect([interruptStatus(rig, 2), rig.line]).toEqual([0x04, true]);
    rig.request(2);
    acknowledge(rig, 2, 0x04);
    expect(rig.line).toBe(false);
  });

  it('TisCore.raiseInterrupt() reports the answer to a locality that is no longer active', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.enableInterrupts(0, INT_ENABLE.dataAvail);
    rig.backend.hold();
    rig.send(0);
    rig.release(0);
    rig.backend.release();
    await rig.device.settled();
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0x03, true]);
  });

  it('TisCore.raiseInterrupt() drives the line each time, for a controller that was reset', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.enableInterrupts(0);
    rig.ready(0);
    rig.send(0);
    await rig.device.settled();
    expect(rig.levels).toEqual([true, true]);
  });
});

describe('TisCore.acknowledgeInterrupt', () => {
  it('TisCore.acknowledgeInterrupt() drops the line though another locality has events', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.enableInterrupts(0);
    rig.ready(0);
    rig.release(0);
    rig.request(1);
    rig.enableInterrupts(1);
    rig.ready(1);
    acknowledge(rig, 1, 0x80);
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0x80, false]);
  });

  it('TisCore.acknowledgeInterrupt() works for the active locality only', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.enableInterrupts(0);
    rig.ready(0);
    rig.release(0);
    acknowledge(rig, 0, 0x80);
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0x80, true]);
    rig.request(0);
    acknowledge(rig, 0, 0xffff_ff84);
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0, false]);
  });

  it('TisCore.acknowledgeInterrupt() ignores bits that are no events', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.enableInterrupts(0);
    rig.ready(0);
    acknowledge(rig, 0, 0xffff_ff78);
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0x80, true]);
  });
});

describe('TisCore.reset', () => {
  it('TisCore.reset() keeps the line until an event is raised and acknowledged', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.enableInterrupts(0);
    rig.ready(0);
    await rig.device.reset();
    expect([interruptStatus(rig, 0), rig.line]).toEqual([0, true]);
    rig.request(0);
    acknowledge(rig, 0, 0xff);
    expect(rig.line).toBe(true);
    rig.enableInterrupts(0);
    rig.ready(0);
    acknowledge(rig, 0, 0x80);
    expect(rig.line).toBe(false);
  });

  it('TisCore.reset() gives registers, owner and requests their reset values', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.enableInterrupts(0);
    rig.send(0);
    await rig.device.settled();
    rig.request(1);
    rig.seize(2);
    const outcome = rig.device.reset();
    expect(rig.accesses).toBe('81 81 81 81 81');
    for (const locality of [0, 1, 2, 3, 4]) {
      expect(rig.read(locality, INT_ENABLE.offset)).toBe(8);
      rig.request(locality);
      if (locality < 4) expect(rig.status(locality)).toBe(0x0410_0000);
      rig.release(locality);
    }
    expect(await outcome).toEqual({ started: true });
  });
});
