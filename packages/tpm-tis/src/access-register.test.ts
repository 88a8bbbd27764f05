import { describe, expect, it } from 'vitest';
import { Rig, STARTUP } from '../test/rig.js';
import { ACCESS, STS } from './registers.js';

function cancels(rig: Rig): number {
  return rig.backend.log.filter((entry) => entry === 'cancel').length;
}

describe('writeAccess', () => {
  it('writeAccess() hands over to the highest waiting locality, not the oldest', async () => {
    const rig = await Rig.started();
    for (const locality of [1, 0, 2, 3]) rig.request(locality);
    expect(rig.accesses).toBe('87 a5 87 87 85');
    rig.release(1);
    expect(rig.accesses).toBe('87 85 87 a5 85');
    rig.release(3);
    expect(rig.accesses).toBe('83 85 a5 85 85');
    rig.release(2);
    expect(rig.accesses).toBe('a1 81 81 81 81');
  });

  it('writeAccess() withdraws a request with activeLocality', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.request(1);
    rig.release(1);
    expect(rig.accesses).toBe('a1 81 81 81 81');
  });

  it.each([
    ['a release with a request, nobody waiting', [], 0x22, '81 81 81 81 81'],
    ['a release with a request while another one waits', [1], 0x22, '83 a5 85 85 85'],
  ] as const)('writeAccess() processes %s', async (_, waiting, value, accesses) => {
    const rig = await Rig.started();
    rig.request(0);
    for (const locality of waiting) rig.request(locality);
    rig.writeAccess(0, value);
    expect(rig.accesses).toBe(accesses);
  });

  it('writeAccess() clears and sets the request of a waiting locality', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.request(1);
    rig.writeAccess(1, 0x22);
    expect(rig.accesses).toBe('a5 83 85 85 85');
  });

  it('writeAccess() of 0xff makes a locality the owner when there is none', async () => {
    const rig = await Rig.started();
    rig.writeAccess(2, 0xff);
    expect(rig.accesses).toBe('81 81 a1 81 81');
  });

  it('writeAccess() lets seize displace activeLocality and requestUse', async () => {
    const rig = await Rig.started();
    rig.request(2);
    rig.writeAccess(3, 0x2a);
    expect(rig.accesses).toBe('81 81 91 a1 81');
    rig.writeAccess(3, 0x2a);
    expect(rig.accesses).toBe('81 81 91 a1 81');
  });

  it.each([0, 1, 2])('writeAccess() ignores a seize of locality %i from 2', async (locality) => {
    const rig = await Rig.started();
    rig.request(2);
    rig.seize(locality);
    expect(rig.accesses).toBe('81 81 a1 81 81');
  });

  it('writeAccess() keeps the requests of other localities at a seize', async () => {
    const rig = await Rig.started();
    rig.request(1);
    rig.request(0);
    rig.seize(3);
    expect(rig.accesses).toBe('83 95 85 a5 85');
  });

  it('writeAccess() clears beenSeized also of a locality that is not active', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.seize(1);
    rig.writeAccess(0, ACCESS.beenSeized);
    expect(rig.accesses).toBe('81 a1 81 81 81');
  });

  it('writeAccess() postpones a seize until the running command is answered', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    rig.seize(2);
    rig.seize(1);
    rig.seize(2);
    expect(cancels(rig)).toBe(1);
    rig.seize(3);
    expect(cancels(rig)).toBe(2);
    expect(rig.accesses).toBe('a1 81 81 81 81');
    rig.backend.release();
    await rig.device.settled();
    expect(rig.accesses).toBe('91 81 81 a1 81');
    expect(rig.status(3)).toBe(0x0410_0000);
    rig.release(3);
    rig.request(0);
    expect(rig.status(0)).toBe(0x0400_0a90);
  });

  it('writeAccess() gives a released TPM to the seizer when the answer arrives', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    rig.seize(2);
    rig.release(0);
    expect(rig.accesses).toBe('81 81 81 81 81');
    rig.backend.release();
    await rig.device.settled();
    expect(rig.accesses).toBe('81 81 a1 81 81');
  });

  it('writeAccess() marks as seized whoever owns the TPM when the answer arrives', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    rig.seize(2);
    rig.release(0);
    rig.request(1);
    expect(rig.accesses).toBe('81 a1 81 81 81');
    rig.backend.release();
    await rig.device.settled();
    expect(rig.accesses).toBe('81 91 a1 81 81');
  });

  it('writeAccess() rewinds at a hand-over, but not at a release without requests', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.ready(0);
    rig.feed(0, '8001');
    rig.request(1);
    rig.release(0);
    expect(rig.status(1)).toBe(0x0410_0000);
    rig.ready(1);
    rig.feed(1, '8001');
    rig.release(1);
    rig.request(2);
    expect(rig.status(2)).toBe(0x040f_fe00);
  });

  it('writeAccess() keeps the state of a locality that loses the TPM while receiving', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.ready(0);
    rig.feed(0, STARTUP.slice(0, 8));
    rig.seize(1);
    rig.release(1);
    rig.request(0);
    expect(rig.status(0) & 0xff).toBe(STS.expect | STS.stsValid);
    rig.feed(0, STARTUP);
    rig.go(0);
    await rig.device.settled();
    expect(rig.backend.exchanges.map((exchange) => exchange.command)).toEqual([STARTUP]);
  });
});

describe('readAccess', () => {
  it('readAccess() shows the inverse of the established flag in each locality', async () => {
    const rig = await Rig.started({ established: true });
    expect(rig.accesses).toBe('80 80 80 80 80');
    rig.backend.established = false;
    expect(rig.accesses).toBe('81 81 81 81 81');
  });

  it('readAccess() never shows the seize flag', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    rig.seize(1);
    expect(rig.access(1)).toBe(0x81);
    rig.backend.release();
    await rig.device.settled();
  });
});
