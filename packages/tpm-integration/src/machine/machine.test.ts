import { describe, expect, test } from 'vitest';
import { describeMachine } from '../../test/support/peers.js';
import { ScriptedBackend } from '../../test/support/scripted-backend.js';
import type { DeviceModel, MachineDescription } from '../description.js';
import { HeadlessMachine } from './machine.js';

const TIS = 0xfed4_0000;
const PPI = 0xfed4_5000;
const MEMORY_OVERWRITE = PPI + 0x15a;

async function start(
  family: 'pc' | 'q35' | 'virt' = 'q35',
  properties: Readonly<Record<string, string>> = {},
  model?: DeviceModel,
) {
  const backend = new ScriptedBackend();
  const choice = { family, properties, ...(model === undefined ? {} : { model }) };
  const machine = new HeadlessMachine(describeMachine(choice, true), { backend });
  const outcome = await machine.reset();
  const events: string[] = [];
  machine.onEvent(({ type }) => events.push(type));
  return { backend, machine, outcome, events };
}

function read32(machine: HeadlessMachine, address: number): number {
  const bytes = new Uint8Array(4);
  machine.memory.busRead(address, bytes);
  return new DataView(bytes.buffer).getUint32(0, true);
}

const write = (machine: HeadlessMachine, address: number, ...bytes: number[]) =>
  machine.memory.busWrite(address, Uint8Array.from(bytes));

const READY: readonly (readonly [offset: number, ...bytes: number[]])[] = [
  [0, 0x02],
  [8, 0x9f, 0, 0, 0x80],
  [0x18, 0x40],
];

describe('HeadlessMachine places the TPM', () => {
  test.each([
    ['pc', TIS, 5],
    ['q35', TIS, 5],
    ['virt', 0x0c00_0000, 112],
  ] as const)('of %s at %d with interrupt pin %d', async (family, address, pin) => {
    const { machine } = await start(family);
    expect(read32(machine, address + 0xf00)).toBe(0x0001_1014);
    expect(machine.pins.level(pin)).toBe(0);
    for (const [offset, ...bytes] of READY) write(machine, address + offset, ...bytes);
    expect(machine.pins.level(pin)).toBe(1);
  });

  test('with the interrupt that its description says', async () => {
    const { machine } = await start('pc', { irq: '10' });
    for (const [offset, ...bytes] of READY) write(machine, TIS + offset, ...bytes);
    expect([machine.pins.level(5), machine.pins.level(10)]).toEqual([0, 1]);
    expect(read32(machine, TIS + 0x0c)).toBe(10);
  });

  test('with PPI memory behind it only if it is on', async () => {
    const { machine } = await start('q35');
    write(machine, PPI + 0x3ff, 7);
    write(machine, PPI + 0x400, 7);
    expect(read32(machine, PPI + 0x3fe)).toBe(0x0700);
    const off = await start('q35', { ppi: 'off' });
    write(off.machine, PPI, 7);
    expect(read32(off.machine, PPI)).toBe(0);
  });
});

test('HeadlessMachine.reset() clears memory when PPI memory asks for it, and PPI memory never', async () => {
  for (const [request, kept] of [
    [0x00, true],
    [0x01, false],
    [0x10, true],
    [0x11, false],
  ] as const) {
    const { machine } = await start();
    write(machine, 0x1000, 1, 2, 3, 4);
    write(machine, MEMORY_OVERWRITE, request);
    await machine.reset();
    expect(read32(machine, 0x1000)).toBe(kept ? 0x0403_0201 : 0);
    expect(read32(machine, MEMORY_OVERWRITE)).toBe(request);
  }
});

describe('HeadlessMachine with tpm-crb', () => {
  const CRB = { interfaceId: TIS + 0x30, start: TIS + 0x4c, buffer: TIS + 0x80, end: TIS + 0x1000 };

  test.each(['pc', 'q35'] as const)(
    'has one page and PPI memory on %s, and no more',
    async (family) => {
      const { machine } = await start(family, {}, 'tpm-crb');
      expect(read32(machine, CRB.interfaceId)).toBe(0x0002_5811);
      for (let address = CRB.end - 4; address <= PPI + 0x400; address += 4) {
        write(machine, address, 1, 2, 3, 4);
        const isMapped = address < CRB.end || (address >= PPI && address < PPI + 0x400);
        expect([address, read32(machine, address)]).toEqual([address, isMapped ? 0x0403_0201 : 0]);
      }
    },
  );

  test('has no PPI memory with ppi=off, and announces chunking with cap-chunk=on', async () => {
    const { machine } = await start('q35', { ppi: 'off', 'cap-chunk': 'on' }, 'tpm-crb');
    expect(read32(machine, CRB.interfaceId)).toBe(0x0002_5c11);
    write(machine, PPI, 7);
    expect(read32(machine, PPI)).toBe(0);
  });

  test('is refused by a machine that has no place for it', async () => {
    await expect(start('virt', {}, 'tpm-crb')).rejects.toThrow(
      'Device "tpm-crb" has no place in machine "virt"; use machine "pc" or "q35"',
    );
  });

  test.each([
    [0x00, 0x0403_0201],
    [0x01, 0],
  ])('keeps or clears the data buffer at a reset as PPI memory says: %i', async (request, kept) => {
    const { machine } = await start('q35', {}, 'tpm-crb');
    write(machine, CRB.buffer, 1, 2, 3, 4);
    write(machine, CRB.end - 4, 1, 2, 3, 4);
    write(machine, MEMORY_OVERWRITE, request);
    await machine.reset();
    expect([read32(machine, CRB.buffer), read32(machine, CRB.end - 4)]).toEqual([kept, kept]);
    expect(read32(machine, MEMORY_OVERWRITE)).toBe(request);
  });

  test('delivers the answer to a command that ran at the reset into the cleared buffer', async () => {
    const { machine, backend } = await start('q35', {}, 'tpm-crb');
    write(machine, TIS + 0x08, 1);
    write(machine, CRB.buffer, 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8);
    backend.held = true;
    write(machine, CRB.start, 1);
    write(machine, MEMORY_OVERWRITE, 1);
    const reset = machine.reset();
    expect(read32(machine, CRB.buffer)).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    backend.proceed();
    await reset;
    expect(read32(machine, CRB.buffer)).toBe(0x0000_c400);
    expect(read32(machine, CRB.buffer + 8)).toBe(0x0900);
  });
});

test('HeadlessMachine.reset() gives the registers their reset values and restarts the TPM', async () => {
  const { machine, backend } = await start();
  write(machine, TIS, 0x02);
  backend.calls.length = 0;
  expect(await machine.reset()).toEqual({ started: true });
  expect(read32(machine, TIS)).toBe(0x80);
  expect(backend.calls).toEqual(['bufferSize', 'reset', 'start 4096']);
});

test('HeadlessMachine.reset() reports a TPM that does not start', async () => {
  const { machine, backend } = await start();
  backend.broken = true;
  const outcome = await machine.reset();
  expect(outcome.started ? undefined : outcome.error.message).toBe('Starting was made to fail');
  expect(machine.busy).toBe(false);
});

test('HeadlessMachine is busy during a reset and calls back once it is over', async () => {
  const { machine, backend } = await start();
  const log: string[] = [];
  machine.whenReady(() => log.push('at once'));
  backend.held = true;
  const reset = machine.reset().then(() => log.push('reset'));
  machine.whenReady(() => log.push('ready'));
  expect(machine.busy).toBe(true);
  expect(log).toEqual(['at once']);
  await new Promise((resolve) => setImmediate(resolve));
  backend.proceed();
  await reset;
  expect(log).toEqual(['at once', 'ready', 'reset']);
});

test('HeadlessMachine without a TPM resets and maps nothing in its place', async () => {
  const machine = new HeadlessMachine(describeMachine({ family: 'q35' }, false));
  expect(await machine.reset()).toEqual({ started: true });
  expect(machine.tpm).toBeUndefined();
  expect(read32(machine, TIS)).toBe(0);
});

test('HeadlessMachine goes through the run states of QEMU and announces the changes', async () => {
  const { machine, events } = await start();
  const states: string[] = [machine.status];
  const step = async (action: Promise<unknown>) => {
    await action;
    states.push(machine.status);
  };
  await step(machine.stop());
  await step(machine.reset());
  await step(machine.cont());
  await step(machine.cont());
  await step(machine.reset());
  await step(machine.stop());
  await step(machine.stop());
  await step(machine.reset());
  expect(states).toEqual([
    ...['prelaunch', 'prelaunch', 'prelaunch', 'running', 'running', 'running'],
    ...['paused', 'paused', 'prelaunch'],
  ]);
  expect(events).toEqual(['RESET', 'RESUME', 'RESET', 'STOP', 'RESET']);
});

test('HeadlessMachine runs after its creation unless it is to start paused', async () => {
  const description = { ...describeMachine({ family: 'pc' }, false), startPaused: false };
  const machine = new HeadlessMachine(description);
  expect(machine.running).toBe(false);
  await machine.reset();
  expect([machine.running, machine.status]).toEqual([true, 'running']);
});

test('HeadlessMachine.onEvent() returns what ends the subscription', async () => {
  const { machine } = await start();
  const events: string[] = [];
  const end = machine.onEvent(({ type }) => events.push(type));
  await machine.cont();
  end();
  await machine.stop();
  expect(events).toEqual(['RESUME']);
});

test('HeadlessMachine.findObject() finds the controller and the device by path and by end of path', async () => {
  const { machine } = await start('pc');
  const controller = machine.findObject('/machine/i440fx/ioapic');
  expect(controller?.pins).toBe(machine.pins);
  expect(machine.findObject('ioapic')).toBe(controller);
  expect(machine.findObject('peripheral-anon/device[0]')?.path).toBe(
    '/machine/peripheral-anon/device[0]',
  );
  expect(machine.findObject('device[0]')).toBeUndefined();
});

describe('HeadlessMachine refuses', () => {
  const base = describeMachine({ family: 'q35' }, true);
  const device = base.device!;
  test.each<[string, MachineDescription, string]>([
    [
      'a device in a machine without a place for it',
      { ...base, device: { ...device, model: 'tpm-tis-device' } },
      'Device "tpm-tis-device" has no place in machine "q35"; use machine "virt"',
    ],
    [
      'an ISA device in an Arm machine',
      { ...base, family: 'virt' },
      'Device "tpm-tis" has no place in machine "virt"; use machine "pc" or "q35"',
    ],
    [
      'a model without a factory',
      { ...base, device: { ...device, model: 'tpm-spapr' } },
      'Device "tpm-spapr" is not available in this version',
    ],
  ])('%s', (_, description, message) => {
    expect(() => new HeadlessMachine(description, { backend: new ScriptedBackend() })).toThrow(
      message,
    );
  });

  test('a device without a back end', () => {
    expect(() => new HeadlessMachine(base)).toThrow(
      'Device "tpm-tis" has no back end; open "tpm0" and pass it',
    );
  });
});
