import { ScriptedBackend, SUCCESS_RESPONSE } from '@tpmdev/testing/scripted-backend';
import { TpmdevError, type TpmResult } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { Rig, SHORT_COMMAND, STARTUP } from '../test/rig.js';
import { INT_STATUS, INT_VECTOR } from './registers.js';
import { TisDevice } from './tis-device.js';

const FAILURE = '00c40000000a00000009';

describe('TisDevice.constructor', () => {
  it.each([
    ['isa', 'tpm-tis', 15],
    ['sysbus', 'tpm-tis-device', 0xffff_ffff],
  ] as const)('TisDevice.constructor() makes a %s device', async (variant, model, irqNumber) => {
    const rig = await Rig.started({}, { variant, irqNumber });
    expect(rig.device.model).toBe(model);
    expect(rig.backend.owner).toBe(model);
    expect(rig.read(3, INT_VECTOR.offset)).toBe(irqNumber);
  });

  it.each([
    ['isa', 16, 'IRQ 16 is outside valid range of 0 to 15'],
    ['isa', -1, 'IRQ -1 is outside valid range of 0 to 15'],
    ['isa', 1.5, 'IRQ 1.5 is outside valid range of 0 to 15'],
    ['sysbus', 2 ** 32, 'IRQ 4294967296 is outside valid range of 0 to 4294967295'],
  ] as const)('TisDevice.constructor() of %s refuses IRQ %d', (variant, irqNumber, message) => {
    const backend = new ScriptedBackend();
    expect(() => new TisDevice({ backend, variant, irqNumber })).toThrow(
      expect.objectContaining({ message, code: 'ERR_TIS_IRQ' }),
    );
    expect(backend.owner).toBeUndefined();
  });

  it('TisDevice.constructor() leaves the first owner of a back end alone', () => {
    const { backend } = new Rig();
    expect(() => new TisDevice({ backend })).toThrow(
      expect.objectContaining({ code: 'ERR_BACKEND_IN_USE' }),
    );
    expect(backend.owner).toBe('tpm-tis');
  });
});

describe('TisDevice.reset', () => {
  it('TisDevice.reset() asks for the size before it waits for the running command', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    const outcome = rig.device.reset();
    expect(rig.backend.log).toEqual(['execute 0', 'bufferSize']);
    rig.backend.release();
    expect(await outcome).toEqual({ started: true });
    expect(rig.backend.log).toEqual(['execute 0', 'bufferSize', 'reset', 'start 4096']);
  });

  it('TisDevice.reset() ends a command at once, with its interrupts, and drops its answer', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.enableInterrupts(0);
    rig.backend.hold();
    rig.send(0);
    rig.events.length = 0;
    rig.levels.length = 0;
    const outcome = rig.device.reset();
    const seen = rig.events.flatMap((event) => {
      if (event.type === 'state') return [event.to];
      if (event.type === 'response') return ['response'];
      return event.type === 'locality' ? [`owner ${event.to}`] : [];
    });
    expect(seen).toEqual(['response', 'completion', 'owner -1', 'idle']);
    expect(rig.levels).toEqual([true]);
    expect(rig.read(0, INT_STATUS.offset)).toBe(0);
    rig.request(0);
    rig.backend.release();
    await outcome;
    await rig.device.settled();
    expect(rig.status(0)).toBe(0x0410_0000);
  });

  it('TisDevice.reset() carries out a pending seize before it wipes it', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    rig.seize(2);
    rig.events.length = 0;
    const outcome = rig.device.reset();
    const owners = rig.events.flatMap((event) => (event.type === 'locality' ? [event.to] : []));
    expect(owners).toEqual([2, -1]);
    expect(rig.accesses).toBe('81 81 81 81 81');
    rig.backend.release();
    await outcome;
  });

  it('TisDevice.reset() lets a command that is sent meanwhile wait for the start', async () => {
    const rig = await Rig.started({ responses: [SUCCESS_RESPONSE] });
    rig.backend.holdStart();
    const outcome = rig.device.reset();
    rig.request(1);
    rig.send(1);
    expect(rig.status(1)).toBe(0x040f_f480);
    expect(rig.backend.exchanges).toEqual([]);
    await Promise.resolve();
    rig.backend.releaseStart();
    await outcome;
    await rig.device.settled();
    expect(rig.backend.log.at(-1)).toBe('execute 1');
    expect(rig.status(1)).toBe(0x0400_0a90);
  });

  it('TisDevice.reset() forgets a command that waited for the start before it', async () => {
    const rig = await Rig.started();
    rig.backend.holdStart();
    const first = rig.device.reset();
    rig.request(1);
    rig.send(1);
    const second = rig.device.reset();
    rig.backend.releaseStart();
    expect(await Promise.all([first, second])).toEqual([{ started: true }, { started: true }]);
    await rig.device.settled();
    expect(rig.backend.exchanges).toEqual([]);
  });

  it('TisDevice.reset() credits no command with an answer from before the reset', async () => {
    const rig = await Rig.started({ responses: ['80010000000a00000142', SUCCESS_RESPONSE] });
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    const outcome = rig.device.reset();
    rig.request(0);
    rig.send(0);
    const states: number[] = [];
    const { start } = rig.backend;
    rig.backend.start = (options) => {
      states.push(rig.status(0));
      return start.call(rig.backend, options);
    };
    rig.backend.release();
    await outcome;
    expect(states).toEqual([0x040f_f480]);
    await rig.device.settled();
    expect(rig.drain(0, 10)).toBe(SUCCESS_RESPONSE);
  });

  it('TisDevice.reset() runs one reset at a time, and one for all that come meanwhile', async () => {
    const rig = await Rig.started();
    const first = rig.device.reset();
    const others = Array.from({ length: 50 }, () => rig.device.reset());
    expect(new Set(others).size).toBe(1);
    rig.device.reset({ restoring: true });
    await Promise.all([first, ...others]);
    expect(rig.backend.log).toEqual([
      'bufferSize',
      'reset',
      'start 4096',
      'bufferSize',
      'reset',
      'start 4096 deferred',
    ]);
  });

  it.each([
    [300, undefined, 0x0401_2c00],
    [64, undefined, 0x0400_4000],
    [8192, undefined, 0x0410_0000],
    [4096, 1024, 0x0404_0000],
    [64, 1024, 0x0400_4000],
  ])(
    'TisDevice.reset() uses the smaller of what the TPM reports, %s, and grants, %s',
    async (bufferSize, grantedSize, status) => {
      const rig = await Rig.started({
        bufferSize,
        ...(grantedSize === undefined ? {} : { grantedSize }),
      });
      rig.request(0);
      expect(rig.status(0)).toBe(status);
    },
  );

  it('TisDevice.reset() takes over a smaller buffer while a guest writes to the old one', async () => {
    const rig = await Rig.started();
    rig.backend.bufferSizeNow = 16;
    const outcome = rig.device.reset();
    rig.request(0);
    rig.ready(0);
    rig.feed(0, `800100000020${'00'.repeat(18)}`);
    await outcome;
    expect(rig.status(0)).toBe(0x0400_0088);
  });

  it.each([0, 9, Number.NaN, 1.5])(
    'TisDevice.reset() refuses a buffer of %d bytes',
    async (bufferSize) => {
      const rig = new Rig({ bufferSize });
      const outcome = await rig.device.reset();
      expect(outcome).toMatchObject({ started: false, error: { code: 'ERR_BACKEND_START' } });
      expect(rig.read(0, 0xf00)).toBe(0);
    },
  );

  it('TisDevice.reset() reads as zero and ignores writes after a failed start, until the next', async () => {
    const rig = await Rig.started();
    rig.request(0);
    const error = new TpmdevError('ERR_SCRIPTED', 'No TPM');
    rig.backend.startError = error;
    const outcome = rig.device.reset();
    rig.request(0);
    rig.send(0);
    expect(await outcome).toEqual({ started: false, error });
    await rig.device.settled();
    for (const offset of [0, 8, 0x14, 0x18, 0x24, 0x30, 0xf00]) {
      expect(rig.read(2, offset)).toBe(0);
    }
    rig.writeAccess(0, 0xff);
    expect(rig.backend.exchanges).toEqual([]);
    rig.backend.startError = undefined;
    await rig.device.reset();
    expect(rig.accesses).toBe('81 81 81 81 81');
  });

  it('TisDevice.reset() wraps what is no tpmdev error', async () => {
    const rig = await Rig.started();
    rig.backend.bufferSize = () => Promise.reject(new Error('broken'));
    expect(await rig.device.reset()).toMatchObject({
      started: false,
      error: { code: 'ERR_BACKEND_START', message: 'Starting the TPM failed: Error: broken' },
    });
  });
});

describe('TisDevice.mmio', () => {
  it('TisDevice.mmio delivers the failure response of a back end like any other', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.fail();
    for (let count = 0; count < 2; count++) {
      rig.send(0);
      await rig.device.settled();
      expect(rig.status(0)).toBe(0x0400_0a90);
      expect(rig.drain(0, 11)).toBe(`${FAILURE}ff`);
    }
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('thrown');
      },
    ],
    ['rejects', () => Promise.reject(new Error('rejected'))],
    ['answers nothing', () => Promise.resolve(undefined as unknown as TpmResult)],
    ['answers 4 bytes', () => Promise.resolve({ response: new Uint8Array(4), failed: false })],
    [
      'answers more than there is room',
      () =>
        Promise.resolve({
          response: Uint8Array.from(
            { length: 5000 },
            (_, index) => [0x80, 1, 0, 0, 0x13, 0x88][index] ?? 0,
          ),
          failed: false,
        }),
    ],
    [
      'answers another length than the size field',
      () =>
        Promise.resolve({
          response: Uint8Array.of(0x80, 1, 0, 0, 0, 11, 0, 0, 0, 0),
          failed: false,
        }),
    ],
  ])('TisDevice.mmio shows a failure response when the back end %s', async (_, execute) => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.execute = execute;
    rig.send(0);
    await rig.device.settled();
    expect(rig.drain(0, 11)).toBe(`${FAILURE}ff`);
    expect(rig.errors.map((error) => error.code)).toEqual(['ERR_BACKEND_CONTRACT']);
  });

  it('TisDevice.mmio does not throw when cancelling or clearing does', async () => {
    const rig = await Rig.started();
    rig.backend.cancel = () => {
      throw new Error('no cancel');
    };
    rig.backend.resetEstablished = () => {
      throw new Error('no clearing');
    };
    rig.request(3);
    rig.backend.hold();
    rig.send(3);
    rig.writeStatus(3, 0x0300_0000);
    rig.backend.release();
    await rig.device.settled();
    expect(rig.errors.map((error) => error.message)).toEqual([
      'Back end "scripted" broke its contract while cancelling a command: Error: no cancel',
      'Back end "scripted" broke its contract while clearing the established flag: Error: no clearing',
    ]);
  });

  it('TisDevice.mmio recognises a self test though the back end spoils the command', async () => {
    const rig = await Rig.started({ tpmVersion: '1.2' });
    const { execute } = rig.backend;
    rig.backend.execute = (request) => {
      const result = execute.call(rig.backend, request);
      request.command.fill(0);
      return result;
    };
    rig.request(0);
    rig.send(0, '00c10000000a00000053');
    await rig.device.settled();
    expect(rig.status(0)).toBe(0x0000_0a94);
  });

  it('TisDevice.mmio traces accesses, commands, states and owners', async () => {
    const rig = await Rig.started();
    rig.request(1);
    rig.ready(1);
    rig.feed(1, SHORT_COMMAND);
    rig.go(1);
    await rig.device.settled();
    rig.access(1);
    const seen = rig.events.map((event) => {
      switch (event.type) {
        case 'register-read':
          return `r${event.offset.toString(16)}.${event.width}=${event.value.toString(16)}`;
        case 'register-write':
          return `w${event.offset.toString(16)}.${event.width}=${event.value.toString(16)}`;
        case 'state':
          return `${event.locality}: ${event.from} ${event.to}`;
        case 'locality':
          return `owner ${event.from} ${event.to}`;
        default:
          return event.type;
      }
    });
    expect(seen).toEqual([
      'w1000.1=2',
      'owner -1 1',
      'w1018.4=40',
      '1: idle ready',
      'w1024.1=80',
      '1: ready reception',
      'w1024.1=1',
      ...['0', '0', '0', 'a', '0', '0', '1', '7b'].map((byte) => `w1024.1=${byte}`),
      'w1018.4=20',
      '1: reception execution',
      'command',
      'response',
      '1: execution completion',
      'r1000.1=a1',
    ]);
  });
});

describe('TisDevice.detach', () => {
  it('TisDevice.detach() resets the back end, frees it and kills the registers', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    const detached = rig.device.detach();
    expect(rig.device.detach()).toBe(detached);
    expect(rig.access(0)).toBe(0);
    rig.backend.release();
    await detached;
    expect(rig.backend.log).toEqual(['execute 0', 'reset']);
    expect(rig.backend.owner).toBeUndefined();
    expect(await rig.device.reset()).toMatchObject({ error: { code: 'ERR_TIS_DETACHED' } });
    const next = new TisDevice({ backend: rig.backend });
    expect(await next.reset()).toEqual({ started: true });
  });

  it('TisDevice.detach() frees the back end also when its reset fails', async () => {
    const rig = await Rig.started();
    rig.backend.reset = () => Promise.reject(new Error('gone'));
    await rig.device.detach();
    expect(rig.backend.owner).toBeUndefined();
    expect(rig.errors.map((error) => error.code)).toEqual(['ERR_BACKEND_CONTRACT']);
  });
});

describe('TisDevice.settled', () => {
  it('TisDevice.settled() waits for a command, a reset and a clearing', async () => {
    const rig = await Rig.started({ responses: [SUCCESS_RESPONSE] });
    let settled = false;
    const wait = async (): Promise<void> => {
      settled = false;
      await rig.device.settled();
      settled = true;
    };
    const pass = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
    rig.request(3);
    rig.backend.hold();
    rig.send(3, STARTUP);
    const command = wait();
    await pass();
    expect(settled).toBe(false);
    rig.backend.release();
    await command;
    rig.backend.hold();
    rig.writeStatus(3, 0x0200_0000);
    const clearing = wait();
    await pass();
    expect(settled).toBe(false);
    rig.backend.release();
    await clearing;
    rig.backend.holdStart();
    const outcome = rig.device.reset();
    const reset = wait();
    await pass();
    expect(settled).toBe(false);
    rig.backend.releaseStart();
    await Promise.all([outcome, reset]);
    await rig.device.settled();
  });
});
