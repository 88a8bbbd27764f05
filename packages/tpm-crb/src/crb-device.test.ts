import { fromHex, ScriptedBackend, SUCCESS_RESPONSE } from '@tpmdev/testing/scripted-backend';
import { TpmdevError, type TpmResult } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { FAILURE, message, Rig, STARTUP } from '../test/rig.js';
import { CrbDevice } from './crb-device.js';

describe('CrbDevice.constructor', () => {
  it.each([
    ['pc', 'tpm-crb'],
    ['sysbus', 'tpm-crb-device'],
  ] as const)('CrbDevice.constructor() makes a %s device', async (variant, model) => {
    const rig = await Rig.started({}, { variant });
    expect(rig.device.model).toBe(model);
    expect(rig.backend.owner).toBe(model);
    expect(rig.device.mmio.size).toBe(0x1000);
  });

  it.each([
    [0x0c00_0000, 0x0c00_0080, 0],
    [0xffff_f000, 0xffff_f080, 0],
    [0x12_3456_7000, 0x3456_7080, 0x12],
    [2 ** 53 - 0x1000, 0xffff_f080, 0x1f_ffff],
    [0, 0x80, 0],
  ])(
    'CrbDevice.constructor() shows the buffer of the base address %d',
    async (baseAddress, low, high) => {
      const rig = await Rig.started({}, { variant: 'sysbus', baseAddress });
      expect([0x5c, 0x60, 0x68, 0x6c].map((offset) => rig.read(offset))).toEqual([
        low,
        high,
        low,
        high,
      ]);
      expect([rig.read(0x5e, 2), rig.read(0x63, 1)]).toEqual([low >>> 16, high >>> 24]);
    },
  );

  it.each(['pc', 'sysbus'] as const)(
    'CrbDevice.constructor() of %s shows the buffer behind a control area that is elsewhere',
    async (variant) => {
      const rig = await Rig.started({}, { variant, controlAreaAddress: 0x1_0000_0040 });
      expect([0x5c, 0x60, 0x68, 0x6c].map((offset) => rig.read(offset))).toEqual([
        0x80, 1, 0x80, 1,
      ]);
      expect(rig.device.configuration.baseAddress).toBe(2 ** 32);
    },
  );

  it.each([
    [{ baseAddress: 0x0c00_0080 }, 0x0c00_0080],
    [{ baseAddress: -4096 }, -4096],
    [{ baseAddress: 2 ** 53 }, 2 ** 53],
    [{ baseAddress: Number.NaN }, Number.NaN],
    [{ controlAreaAddress: 0x1000 }, 0xfc0],
    [{ controlAreaAddress: 0 }, -64],
  ])('CrbDevice.constructor() refuses %j, which is no page', (options, page) => {
    const backend = new ScriptedBackend();
    expect(() => new CrbDevice({ backend, ...options })).toThrow(
      expect.objectContaining({
        code: 'ERR_CRB_BASE_ADDRESS',
        message: `Page address ${page} can't be used; use a multiple of 4096 below 2^53`,
      }),
    );
    expect(backend.owner).toBeUndefined();
  });

  it('CrbDevice.constructor() refuses a TPM 1.2 on the system bus', () => {
    const backend = new ScriptedBackend({ tpmVersion: '1.2' });
    expect(() => new CrbDevice({ backend, variant: 'sysbus' })).toThrow(
      expect.objectContaining({ code: 'ERR_CRB_TPM_VERSION' }),
    );
    expect(backend.owner).toBeUndefined();
  });

  it('CrbDevice.constructor() leaves the first owner of a back end alone', () => {
    const { backend } = new Rig();
    expect(() => new CrbDevice({ backend })).toThrow(
      expect.objectContaining({ code: 'ERR_BACKEND_IN_USE' }),
    );
    expect(backend.owner).toBe('tpm-crb');
  });
});

describe('CrbDevice command', () => {
  it('CrbDevice copies a command at start and writes the response over it', async () => {
    const rig = await Rig.started({ responses: [message(20, 5)] });
    rig.request();
    rig.backend.hold();
    rig.send(message(40));
    rig.fill('ee'.repeat(40), 4);
    rig.backend.release();
    await rig.device.settled();
    expect(rig.backend.exchanges[0]?.command).toBe(message(40));
    expect(rig.data(50)).toBe(message(20, 5) + 'ee'.repeat(24) + '00'.repeat(6));
  });

  it('CrbDevice asks for no more response than was negotiated', async () => {
    const capacities: number[] = [];
    const rig = await Rig.started({ bufferSize: 1024 });
    const { backend } = rig;
    const execute = backend.execute.bind(backend);
    backend.execute = (request) => {
      capacities.push(request.responseCapacity);
      return execute(request);
    };
    rig.request();
    rig.send(`80010000ffff${'00'.repeat(6)}`);
    await rig.device.settled();
    expect(capacities).toEqual([1024]);
    expect(backend.exchanges[0]?.command.length).toBe(2048);
  });

  it.each([0, 1, 2, 5, 6, 9])(
    'CrbDevice answers a command of %d bytes with a failure and asks no back end',
    async (length) => {
      const rig = await Rig.started();
      rig.request();
      rig.send(`80010000000${length}0000014400`);
      expect(rig.running).toBe(0);
      expect(rig.status).toBe(3);
      expect(rig.data(11)).toBe(`${FAILURE}00`);
      expect(rig.backend.log).toEqual([]);
      await rig.device.reset();
      expect(rig.status).toBe(2);
    },
  );

  it('CrbDevice goes on after a fatal error and shows it until reset', async () => {
    const rig = await Rig.started();
    rig.request();
    rig.backend.fail();
    rig.send();
    await rig.device.settled();
    expect([rig.status, rig.data(10)]).toEqual([3, FAILURE]);
    rig.ready();
    rig.send();
    expect([rig.status, rig.running]).toEqual([1, 1]);
    await rig.device.settled();
    expect(rig.backend.exchanges.length).toBe(2);
    await rig.device.reset();
    expect(rig.status).toBe(2);
  });

  it('CrbDevice delivers an answer though locality and readiness are gone', async () => {
    const rig = await Rig.started();
    rig.request();
    rig.ready();
    rig.backend.hold();
    rig.send();
    rig.relinquish();
    rig.idle();
    rig.cancel();
    expect([rig.read(0x00), rig.read(0x0c), rig.status, rig.running]).toEqual([0x81, 0, 2, 1]);
    rig.backend.release();
    await rig.device.settled();
    expect([rig.running, rig.data(10)]).toEqual([0, SUCCESS_RESPONSE]);
    expect(rig.backend.log).toEqual(['execute 0', 'cancel']);
  });

  it('CrbDevice shows a failure when the back end breaks its contract', async () => {
    const rig = await Rig.started();
    rig.backend.execute = () => Promise.resolve({} as TpmResult);
    rig.request();
    rig.send();
    await rig.device.settled();
    expect([rig.status, rig.data(10)]).toEqual([3, FAILURE]);
    expect(rig.errors.map((error) => error.code)).toEqual(['ERR_BACKEND_CONTRACT']);
  });

  it('CrbDevice fails a command that a host starts from within the answer to another', async () => {
    const backend = new ScriptedBackend();
    let again = true;
    const device: CrbDevice = new CrbDevice({
      backend,
      trace: (event) => {
        if (event.type !== 'state' || event.from !== 'execution' || !again) return;
        again = false;
        device.mmio.write(0x84, 4, 0x0c00);
        device.mmio.write(0x4c, 4, 1);
      },
    });
    await device.reset();
    device.mmio.write(0x08, 4, 1);
    device.dataBuffer.set(fromHex(STARTUP));
    device.mmio.write(0x4c, 4, 1);
    await device.settled();
    expect([device.mmio.read(0x4c, 4), device.mmio.read(0x44, 4)]).toEqual([0, 3]);
  });

  it('CrbDevice traces accesses, owner, states, command and response', async () => {
    const rig = await Rig.started();
    rig.request();
    rig.ready();
    rig.device.dataBuffer.set(fromHex(STARTUP));
    rig.start();
    await rig.device.settled();
    rig.read(0x44, 2);
    expect(rig.events).toEqual([
      { type: 'register-write', offset: 0x08, width: 4, value: 1 },
      { type: 'locality', from: -1, to: 0 },
      { type: 'register-write', offset: 0x40, width: 4, value: 1 },
      { type: 'state', locality: 0, from: 'idle', to: 'ready' },
      { type: 'register-write', offset: 0x4c, width: 4, value: 1 },
      { type: 'state', locality: 0, from: 'ready', to: 'execution' },
      { type: 'command', locality: 0, bytes: fromHex(STARTUP) },
      { type: 'response', locality: 0, bytes: fromHex(SUCCESS_RESPONSE) },
      { type: 'state', locality: 0, from: 'execution', to: 'ready' },
      { type: 'register-read', offset: 0x44, width: 2, value: 0 },
    ]);
  });
});

/** A device with a command in flight that the back end keeps. */
async function busyRig(): Promise<Rig> {
  const rig = await Rig.started();
  rig.request();
  rig.ready();
  rig.backend.hold();
  rig.send();
  return rig;
}

function startAgain(rig: Rig): void {
  rig.request();
  rig.start();
}

describe('CrbDevice.reset', () => {
  it('CrbDevice.reset() waits for the running command before it asks for the size', async () => {
    const rig = await busyRig();
    const outcome = rig.device.reset();
    expect(rig.backend.log).toEqual(['execute 0', 'reset']);
    rig.backend.release();
    expect(await outcome).toEqual({ started: true });
    expect(rig.backend.log).toEqual(['execute 0', 'reset', 'bufferSize', 'start 3968']);
  });

  it('CrbDevice.reset() gives the registers their reset values at once and keeps the buffer', async () => {
    const rig = await busyRig();
    const outcome = rig.device.reset();
    expect([0x00, 0x0c, 0x44, 0x4c].map((offset) => rig.read(offset))).toEqual([0x81, 0, 2, 0]);
    expect(rig.data(12)).toBe(STARTUP);
    rig.backend.release();
    await outcome;
    expect(rig.data(12)).toBe(`${SUCCESS_RESPONSE}0000`);
    expect([rig.status, rig.running]).toEqual([2, 0]);
  });

  it.each([
    ['writes the buffer', (rig: Rig) => rig.write(0x800, 0, 1)],
    ['writes the buffer as memory', (rig: Rig) => rig.device.dataBuffer.fill(9, 100, 101)],
    ['has all memory cleared', (rig: Rig) => rig.device.dataBuffer.fill(0)],
    ['starts a command', startAgain],
  ])('CrbDevice.reset() drops the answer when the guest %s before it', async (_, act) => {
    const rig = await busyRig();
    rig.backend.replaceHeldResponse(fromHex(message(30, 9)));
    const outcome = rig.device.reset();
    act(rig);
    const before = rig.data();
    let during = '';
    const reset = rig.backend.bufferSize.bind(rig.backend);
    rig.backend.bufferSize = () => {
      during = rig.data();
      return reset();
    };
    rig.backend.release();
    await outcome;
    expect(during).toBe(before);
    await rig.device.settled();
  });

  it('CrbDevice.reset() leaves a fatal error of the time before behind', async () => {
    const rig = await Rig.started();
    rig.request();
    rig.backend.hold();
    rig.backend.fail();
    rig.send();
    const outcome = rig.device.reset();
    rig.backend.release();
    await outcome;
    expect([rig.status, rig.data(10)]).toEqual([2, FAILURE]);
  });

  it('CrbDevice.reset() lets a command wait for the start, and a second reset forget it', async () => {
    const rig = await Rig.started();
    rig.backend.holdStart();
    const first = rig.device.reset();
    await Promise.resolve();
    rig.request();
    rig.send();
    expect(rig.running).toBe(1);
    const second = rig.device.reset();
    rig.fill('aa');
    rig.backend.releaseStart();
    await Promise.all([first, second]);
    await rig.device.settled();
    expect(rig.backend.exchanges).toEqual([]);
    expect(rig.data(12)).toBe(`aa${STARTUP.slice(2)}`);
    rig.request();
    rig.send();
    await rig.device.settled();
    expect(rig.backend.exchanges.length).toBe(1);
  });

  it('CrbDevice.reset() keeps an abandoned answer out of a buffer that a forgotten command filled', async () => {
    const rig = await busyRig();
    rig.backend.replaceHeldResponse(fromHex(message(30, 9)));
    const first = rig.device.reset();
    rig.request();
    rig.send();
    const second = rig.device.reset();
    rig.backend.release();
    await Promise.all([first, second]);
    expect(rig.data(12)).toBe(STARTUP);
    expect(rig.backend.exchanges.length).toBe(1);
  });

  it('CrbDevice.reset() uses the size that the TPM insists on', async () => {
    const rig = await Rig.started({ grantedSize: 100 });
    expect(rig.device.configuration.bufferSize).toBe(100);
    rig.request();
    rig.send(message(200));
    await rig.device.settled();
    expect(rig.backend.exchanges[0]?.command.length).toBe(200);
  });

  it('CrbDevice.reset() leaves dead registers when the TPM does not start, until it does', async () => {
    const rig = await Rig.started();
    rig.backend.startError = new TpmdevError('ERR_SCRIPTED', 'No TPM');
    expect(await rig.device.reset()).toEqual({ started: false, error: rig.backend.startError });
    rig.request();
    rig.start();
    expect([0x00, 0x30, 0x44, 0x4c, 0x5c].map((offset) => rig.read(offset))).toEqual([
      0, 0, 0, 0, 0,
    ]);
    rig.fill('55');
    expect(rig.data(1)).toBe('55');
    rig.backend.startError = undefined;
    expect(await rig.device.reset()).toEqual({ started: true });
    expect([rig.read(0x00), rig.status]).toEqual([0x81, 2]);
  });
});

describe('CrbDevice.detach', () => {
  it('CrbDevice.detach() frees the back end and leaves a dead device', async () => {
    const rig = await busyRig();
    const released = rig.device.detach();
    rig.backend.release();
    await released;
    expect(rig.backend.owner).toBeUndefined();
    expect([rig.read(0x00), rig.data(12)]).toEqual([0, STARTUP]);
    const outcome = await rig.device.reset();
    expect(outcome).toMatchObject({ started: false, error: { code: 'ERR_CRB_DETACHED' } });
    new CrbDevice({ backend: rig.backend });
    await rig.device.detach();
    expect(rig.backend.owner).toBe('tpm-crb');
  });
});
