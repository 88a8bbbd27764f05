import { SUCCESS_RESPONSE } from '@tpmdev/testing/scripted-backend';
import { describe, expect, it } from 'vitest';
import { Rig, SHORT_COMMAND, STARTUP } from '../test/rig.js';
import type { TisStateName } from './locality.js';
import { STS } from './registers.js';

/** Puts locality 0 in a state; the command of Reception is complete. */
async function rigIn(state: TisStateName, isCommandComplete = true): Promise<Rig> {
  const rig = await Rig.started();
  rig.request(0);
  if (state === 'idle') return rig;
  rig.ready(0);
  if (state === 'ready') return rig;
  rig.feed(0, isCommandComplete ? STARTUP : STARTUP.slice(0, 12));
  if (state === 'reception') return rig;
  if (state === 'execution') rig.backend.hold();
  rig.go(0);
  if (state === 'completion') await rig.device.settled();
  return rig;
}

/** Names of the states that a rig's trace shows, in order. */
function states(rig: Rig): string[] {
  return rig.events.flatMap((event) => (event.type === 'state' ? [event.to] : []));
}

describe('writeStatus', () => {
  it.each([
    ['idle', STS.commandReady, ['ready'], 0x0410_0040],
    ['idle', STS.tpmGo, [], 0x0410_0000],
    ['idle', STS.responseRetry, [], 0x0410_0000],
    ['ready', STS.commandReady, [], 0x0410_0040],
    ['ready', STS.tpmGo, [], 0x0410_0040],
    ['ready', STS.responseRetry, [], 0x0410_0040],
    ['reception', STS.commandReady, ['ready'], 0x0410_0040],
    ['reception', STS.tpmGo, ['execution'], 0x040f_f480],
    ['reception', STS.responseRetry, [], 0x040f_f480],
    ['execution', STS.commandReady, [], 0x040f_f480],
    ['execution', STS.tpmGo, [], 0x040f_f480],
    ['execution', STS.responseRetry, [], 0x040f_f480],
    ['completion', STS.commandReady, ['ready'], 0x0410_0040],
    ['completion', STS.tpmGo, [], 0x0400_0a90],
    ['completion', STS.responseRetry, [], 0x0400_0a90],
  ] as const)(
    'writeStatus() in %s takes the event 0x%i to %j',
    async (state, event, expectedStates, status) => {
      const rig = await rigIn(state);
      rig.events.length = 0;
      rig.writeStatus(0, event);
      expect(states(rig)).toEqual(expectedStates);
      expect(rig.status(0)).toBe(status);
      rig.backend.release();
      await rig.device.settled();
    },
  );

  it.each(['idle', 'ready', 'reception', 'execution', 'completion'] as const)(
    'writeStatus() in %s ignores more than one event, and none',
    async (state) => {
      const rig = await rigIn(state);
      const status = rig.status(0);
      rig.events.length = 0;
      for (const value of [0x60, 0x22, 0x62, 0x42, 0, 0x9d]) rig.writeStatus(0, value);
      expect(states(rig)).toEqual([]);
      expect(rig.status(0)).toBe(status);
      rig.backend.release();
      await rig.device.settled();
    },
  );

  it('writeStatus() ignores tpmGo while a byte of the command is missing', async () => {
    const rig = await rigIn('reception', false);
    rig.go(0);
    expect(rig.status(0)).toBe(0x040f_fa88);
    expect(rig.backend.exchanges).toEqual([]);
  });

  it('writeStatus() rewinds a response with responseRetry in the middle and at the end', async () => {
    const rig = await rigIn('completion');
    for (const count of [3, 10]) {
      expect(rig.drain(0, count)).toBe(SUCCESS_RESPONSE.slice(0, 2 * count));
      rig.writeStatus(0, STS.responseRetry);
      expect(rig.status(0)).toBe(0x0400_0a90);
    }
  });

  it('writeStatus() aborts an execution when its answer arrives, with all its interrupts', async () => {
    const rig = await rigIn('reception');
    rig.enableInterrupts(0);
    rig.backend.hold();
    rig.go(0);
    rig.ready(0);
    expect(rig.backend.log).toEqual(['execute 0', 'cancel']);
    expect(rig.status(0)).toBe(0x040f_f480);
    rig.backend.release();
    await rig.device.settled();
    expect(rig.status(0)).toBe(0x0410_0040);
    expect(rig.read(0, 0x10)).toBe(0x83);
    expect(rig.line).toBe(true);
    expect(rig.drain(0, 2)).toBe('ffff');
  });

  it('writeStatus() keeps the position of another locality from Idle to Ready', async () => {
    const rig = await rigIn('completion');
    rig.drain(0, 10);
    rig.release(0);
    rig.request(1);
    rig.ready(1);
    expect(rig.status(1)).toBe(0x040f_f640);
    rig.feed(1, 'c3');
    expect(rig.status(1)).toBe(0x040f_f580);
    rig.go(1);
    await rig.device.settled();
    expect(rig.backend.exchanges[1]).toEqual({
      locality: 1,
      command: `${SUCCESS_RESPONSE}c3`,
      response: SUCCESS_RESPONSE,
    });
  });

  it('writeStatus() loses a second command during the first and credits it with the answer', async () => {
    const rig = await rigIn('execution');
    rig.release(0);
    rig.request(1);
    rig.send(1, SHORT_COMMAND);
    expect(rig.errors.map((error) => error.code)).toEqual(['ERR_TIS_REQUEST_LOST']);
    rig.backend.release();
    await rig.device.settled();
    expect(rig.backend.exchanges.map((exchange) => exchange.locality)).toEqual([0]);
    expect(rig.status(1)).toBe(0x0400_0a90);
    rig.release(1);
    rig.request(0);
    expect(rig.status(0) & 0xff).toBe(STS.stsValid);
    rig.ready(0);
    rig.ready(0);
    expect(rig.backend.log).toEqual(['execute 0', 'cancel', 'cancel']);
    expect(rig.accesses).toBe('a1 81 81 81 81');
  });

  it("writeStatus() carries a stuck locality's abort out with the next answer of anybody", async () => {
    const rig = await rigIn('execution');
    rig.release(0);
    rig.request(1);
    rig.send(1, SHORT_COMMAND);
    rig.backend.release();
    await rig.device.settled();
    rig.release(1);
    rig.request(0);
    rig.ready(0);
    rig.release(0);
    rig.request(2);
    rig.send(2);
    await rig.device.settled();
    expect(rig.accesses).toBe('a1 81 81 81 81');
    expect(rig.status(0)).toBe(0x0410_0040);
  });

  it('writeStatus() clears the established flag for locality 3 of a TPM 2.0 only', async () => {
    for (const tpmVersion of ['1.2', '2.0'] as const) {
      const rig = await Rig.started({ tpmVersion, established: true });
      for (const locality of [0, 1, 2, 3]) {
        rig.request(locality);
        rig.writeStatus(locality, STS.resetEstablishmentBit);
        rig.release(locality);
      }
      await rig.device.settled();
      expect(rig.backend.log).toEqual(tpmVersion === '2.0' ? ['resetEstablished 3'] : []);
      expect(rig.access(0)).toBe(tpmVersion === '2.0' ? 0x81 : 0x80);
    }
  });

  it('writeStatus() has one clearing outstanding and one that follows, however often asked', async () => {
    const rig = await Rig.started({ established: true });
    rig.request(3);
    rig.backend.hold();
    for (let count = 0; count < 100; count++) rig.writeStatus(3, STS.resetEstablishmentBit);
    expect(rig.backend.log).toEqual(['resetEstablished 3']);
    rig.backend.release();
    await rig.device.settled();
    expect(rig.backend.log).toEqual(['resetEstablished 3', 'resetEstablished 3']);
  });

  it.each([
    ['1.2', 'execution', 0],
    ['2.0', 'execution', 1],
    ['2.0', 'completion', 0],
  ] as const)(
    'writeStatus() on a TPM %s in %s cancels %i times',
    async (tpmVersion, state, count) => {
      const rig = await Rig.started({ tpmVersion });
      rig.request(0);
      if (state === 'execution') rig.backend.hold();
      rig.send(0);
      if (state === 'completion') await rig.device.settled();
      rig.writeStatus(0, STS.commandCancel);
      expect(rig.backend.log.filter((entry) => entry === 'cancel')).toHaveLength(count);
      rig.backend.release();
      await rig.device.settled();
      expect(rig.status(0) & 0xff).toBe(STS.stsValid | STS.dataAvail);
    },
  );

  it('writeStatus() looks at commandCancel also when the events are ambiguous', async () => {
    const rig = await rigIn('execution');
    rig.writeStatus(0, STS.commandCancel | STS.commandReady | STS.tpmGo);
    expect(rig.backend.log).toEqual(['execute 0', 'cancel']);
    rig.backend.release();
    await rig.device.settled();
  });
});

describe('readStatus', () => {
  it.each([
    [1, 0x18, 0x90],
    [1, 0x19, 0x00],
    [1, 0x1a, 0x01],
    [4, 0x18, 0x0401_0090],
  ] as const)(
    'readStatus() shows a 256-byte response unclipped: %i bytes at 0x%i',
    async (width, offset, value) => {
      const rig = await Rig.started({ responses: [`800100000100${'00'.repeat(250)}`] });
      rig.request(0);
      rig.send(0);
      await rig.device.settled();
      expect(rig.read(0, offset, width)).toBe(value);
    },
  );

  it('readStatus() shows a negative count when another locality left a shorter message', async () => {
    const rig = await rigIn('completion');
    rig.seize(1);
    rig.ready(1);
    rig.feed(1, '800100000002');
    rig.release(1);
    rig.request(0);
    expect(rig.status(0)).toBe(0xffff_fc90);
    rig.drain(0, 1);
    expect(rig.status(0)).toBe(0x040f_f980);
  });

  it.each([0x53, 0x143])(
    'readStatus() shows selfTestDone in all localities after command 0x53 only: %i',
    async (code) => {
      const rig = await Rig.started();
      rig.request(0);
      rig.send(0, `80010000000a${code.toString(16).padStart(8, '0')}`);
      await rig.device.settled();
      rig.release(0);
      for (const locality of [0, 1, 2, 3]) {
        rig.request(locality);
        expect(rig.status(locality) & STS.selfTestDone).toBe(code === 0x53 ? 4 : 0);
        rig.release(locality);
      }
      await rig.device.reset();
      rig.request(0);
      expect(rig.status(0)).toBe(0x0410_0000);
    },
  );

  it('readStatus() does not show selfTestDone after a failed TPM_ContinueSelfTest', async () => {
    const rig = await Rig.started({ tpmVersion: '1.2', responses: ['00c40000000a0000001c'] });
    rig.request(0);
    rig.send(0, '00c10000000a00000053');
    await rig.device.settled();
    expect(rig.status(0)).toBe(0x0000_0a90);
  });
});
