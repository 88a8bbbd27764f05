import { ScriptedBackend } from '@tpmdev/testing/scripted-backend';
import { openEmbedded } from 'tpm-backend-embedded';
import { TpmdevError } from 'tpm-integration/assembly';
import { describe, expect, it } from 'vitest';
import { ScriptedCpu, ScriptedV86 } from '../test/support/scripted-v86.js';
import { type AttachTpmOptions, attachTpm, type TpmAttachment } from './index.js';

interface Bench {
  readonly emulator: ScriptedV86;
  readonly backend: ScriptedBackend;
  readonly errors: TpmdevError[];
  readonly tpm: TpmAttachment;
}

function attach(options: Partial<AttachTpmOptions> = {}): Bench {
  const emulator = new ScriptedV86();
  const backend = new ScriptedBackend();
  const errors: TpmdevError[] = [];
  const onError = (error: TpmdevError) => errors.push(error);
  const tpm = attachTpm(emulator, { model: 'tpm-tis', backend, onError, ...options });
  return { emulator, backend, errors, tpm };
}

const TIS_ACCESS = 0xfed4_0000 | 0;
const TIS_DID_VID = 0xfed4_0f00 | 0;
const LOG = 0xfed5_0000 | 0;

describe('attachTpm() options', () => {
  it.each([
    [{ model: 'tpm-spapr' }, /Option "model" can't be "tpm-spapr"; use tpm-tis, tpm-crb/],
    [{ tables: 'dsdt' }, /Option "tables" can't be "dsdt"/],
    [{ eventLog: 'disk' }, /Option "eventLog" can't be "disk"/],
    [{ irq: 9 }, /Option "irq" can't be 9; use 3, 5, 7, 10, 11/],
    [{ tables: 'fw-cfg', eventLog: 'ram' }, /firmware chooses the place; leave it out/],
    [{ files: new Map([['x'.repeat(56), new Uint8Array()]]) }, /names of 1 to 55/],
    [{ files: new Map([['', new Uint8Array()]]) }, /names of 1 to 55/],
  ] as const)('attachTpm() refuses %o', (options, message) => {
    expect(() => attach(options as Partial<AttachTpmOptions>)).toThrow(message);
  });

  it('attachTpm() refuses a machine that is created already', () => {
    const emulator = new ScriptedV86();
    emulator.create();
    const options = {
      model: 'tpm-tis',
      backend: new ScriptedBackend(),
      onError: () => {},
    } as const;
    expect(() => attachTpm(emulator, options)).toThrow(/same turn as new V86\(\)/);
  });

  it('attachTpm() refuses a back end that is in use', () => {
    const backend = new ScriptedBackend();
    backend.attach('another');
    expect(() => attach({ backend })).toThrow(/in use by another/);
  });
});

describe('attachTpm() in a machine that can not have a TPM', () => {
  it.each([
    'reboot_internal',
    'main_loop',
    'get_state',
    'set_state',
    'read_blob',
    'write_blob',
    'option_roms',
    'memory_size',
    'device_raise_irq',
  ])('ready names the missing %s, and the machine is stopped', async (member) => {
    const { emulator, errors, tpm } = attach();
    const cpu = new ScriptedCpu(2 ** 20);
    Object.defineProperty(cpu, member, { value: undefined });
    emulator.create(cpu);
    await expect(tpm.ready).rejects.toThrow(`has no v86.cpu.${member}`);
    await expect(tpm.ready).rejects.toMatchObject({ code: 'ERR_V86_MEMBER' });
    expect(errors).toHaveLength(1);
    expect(emulator.stops).toBe(1);
    emulator.send('emulator-started');
    expect(emulator.stops).toBe(2);
  });

  it('ready names every missing member of the bus', async () => {
    const { emulator, tpm } = attach({ tables: 'fw-cfg' });
    const cpu = new ScriptedCpu(2 ** 20);
    Object.assign(cpu, { io: {} });
    emulator.create(cpu);
    await expect(tpm.ready).rejects.toThrow(
      /io\.mmap_register\(\), .*io\.register_read\(\), .*io\.register_write\(\), .*io\.ports/,
    );
  });

  it('ready asks for ACPI', async () => {
    const { emulator, tpm } = attach();
    const cpu = new ScriptedCpu(2 ** 20);
    delete cpu.devices.acpi;
    emulator.create(cpu);
    await expect(tpm.ready).rejects.toThrow(/pass acpi: true to new V86\(\)/);
  });

  it('ready says why the TPM does not start, and the machine is stopped', async () => {
    const { emulator, backend, errors, tpm } = attach();
    backend.startError = new TpmdevError('ERR_SCRIPTED', 'No TPM today');
    emulator.create();
    await expect(tpm.ready).rejects.toBe(backend.startError);
    expect(errors).toEqual([backend.startError]);
    expect(emulator.stops).toBe(1);
  });

  it('ready refuses a log in too little memory', async () => {
    const { emulator, tpm } = attach({ eventLog: 'ram' });
    emulator.create(new ScriptedCpu(2 ** 20));
    await expect(tpm.ready).rejects.toThrow(/doesn't fit into 1048576 bytes/);
  });
});

describe('attachTpm() in a machine', () => {
  it('lets the guest stand still until the TPM is started', async () => {
    const { emulator, backend, tpm } = attach();
    backend.holdStart();
    const cpu = emulator.create();
    expect(cpu.main_loop()).toBeGreaterThan(0);
    expect(cpu.log).not.toContain('run');
    backend.releaseStart();
    await tpm.ready;
    cpu.main_loop();
    expect(cpu.log).toContain('run');
  });

  it('answers at the signed addresses of the block', async () => {
    const { emulator, tpm } = attach();
    const { mapping } = emulator.create();
    await tpm.ready;
    expect(mapping).toMatchObject({ base: 0xfed4_0000, size: 0x2_0000 });
    expect(mapping!.read8(TIS_ACCESS)).toBe(0x81);
    expect(mapping!.read32(TIS_DID_VID)).toBe(tpm.frontEnd.mmio.read(0xf00, 4));
    mapping!.write8(0xfed4_5109 | 0, 5);
    expect(tpm.ppi!.word('pprq')).toBe(5);
    mapping!.write32(LOG + 4, -2);
    expect(tpm.eventLog()!.slice(4, 8)).toEqual(Uint8Array.of(0xfe, 0xff, 0xff, 0xff));
  });

  it('publishes tables and files through v86 with overlay tables', async () => {
    const { emulator, tpm } = attach({ files: new Map([['etc/x', Uint8Array.of(1)]]) });
    const { option_roms } = emulator.create();
    await tpm.ready;
    expect(option_roms.map(({ name }) => name)).toEqual([
      'genroms/kernel.bin',
      'etc/x',
      'acpi/tpm-table',
      'acpi/tpm-ssdt',
    ]);
  });

  it('reserves the top of memory for a log there', async () => {
    const { emulator, tpm } = attach({ eventLog: 'ram' });
    const cpu = emulator.create();
    await tpm.ready;
    const { data } = cpu.option_roms.find(({ name }) => name === 'etc/e820')!;
    const view = new DataView(data.buffer);
    const entry = (at: number) => [
      view.getUint32(at, true),
      view.getUint32(at + 8, true),
      data[at + 16],
    ];
    expect([entry(0), entry(20)]).toEqual([
      [0, 0x3f_0000, 1],
      [0x3f_0000, 0x1_0000, 2],
    ]);
    cpu.memory.fill(9);
    cpu.reboot_internal();
    expect(tpm.eventLog()).toEqual(new Uint8Array(0x1_0000));
    expect(cpu.memory[0x3e_ffff]).toBe(9);
  });

  it('serves what v86 served, and its own files, from its own fw_cfg', async () => {
    const { emulator, tpm } = attach({
      tables: 'fw-cfg',
      files: new Map([['etc/x', Uint8Array.of(5)]]),
    });
    const cpu = emulator.create();
    await tpm.ready;
    const item = (key: number, length: number) => {
      cpu.portWrites.get(0x510)![1]!(key);
      return Array.from({ length }, () => cpu.portReads.get(0x511)![0]!());
    };
    expect(item(0, 4)).toEqual([0x51, 0x45, 0x4d, 0x55]);
    expect(item(1, 1)).toEqual([3]);
    expect(item(3, 8)).toEqual([0, 0, 0x40, 0, 0, 0, 0, 0]);
    expect(item(0x0f, 2)).toEqual([0x0f, 0]);
    const directory = String.fromCharCode(...item(0x19, 4 + 9 * 64));
    for (const name of [
      'etc/acpi/tables',
      'etc/table-loader',
      'etc/tpm/log',
      'etc/x',
      'genroms/kernel.bin',
    ]) {
      expect(directory).toContain(name);
    }
    const { ports } = cpu.io as { ports: unknown[] };
    expect(ports.slice(0x600, 0x610)).toEqual(ports.slice(0xb000, 0xb010));
  });

  it('restarts the TPM and empties the log at a reboot, and keeps PPI memory', async () => {
    const { emulator, backend, tpm } = attach();
    const cpu = emulator.create();
    await tpm.ready;
    cpu.mapping!.write8(LOG, 1);
    tpm.ppi!.setWord('fret', 0x1234);
    backend.holdStart();
    backend.log.length = 0;
    cpu.reboot_internal();
    expect(cpu.log).toContain('reboot');
    expect(tpm.eventLog()![0]).toBe(0);
    cpu.log.length = 0;
    cpu.main_loop();
    expect(cpu.log).toEqual([]);
    backend.releaseStart();
    await tpm.settled();
    expect(backend.log).toEqual(['bufferSize', 'reset', 'start 4096']);
    expect(tpm.ppi!.word('fret')).toBe(0x1234);
  });

  it('reports what a trace hook throws, and the guest reads ones', async () => {
    const trace = () => {
      throw new Error('hook');
    };
    const { emulator, errors, tpm } = attach({ trace });
    const cpu = emulator.create();
    await tpm.ready;
    expect(cpu.mapping!.read8(TIS_ACCESS)).toBe(0xff);
    expect(cpu.mapping!.read32(TIS_DID_VID) | 0).toBe(-1);
    cpu.mapping!.write8(TIS_ACCESS, 2);
    expect(errors.map(({ code }) => code)).toEqual(Array(3).fill('ERR_V86_CALLBACK'));
  });

  it('reports what a person who is asked throws; the request stays', async () => {
    const confirm = () => {
      throw new Error('nobody');
    };
    const { emulator, errors, tpm } = attach({ confirm });
    const cpu = emulator.create();
    await tpm.ready;
    tpm.ppi!.setWord('pprq', 5);
    cpu.reboot_internal();
    await tpm.settled();
    expect(errors[0]).toMatchObject({ code: 'ERR_V86_CALLBACK' });
    expect(tpm.ppi!.word('pprq')).toBe(5);
  });
});

describe('detach()', () => {
  it('detach() leaves the back end alone from then on, also at a reboot', async () => {
    const { emulator, backend, errors, tpm } = attach({ confirm: () => true });
    const cpu = emulator.create();
    await tpm.ready;
    await tpm.detach();
    expect(backend.owner).toBeUndefined();
    expect(backend.onEvent).toBeUndefined();
    backend.log.length = 0;
    tpm.ppi!.setWord('pprq', 5);
    cpu.reboot_internal();
    await tpm.settled();
    expect(cpu.log).toContain('reboot');
    expect(backend.log).toEqual([]);
    expect(await tpm.reset()).toMatchObject({ started: false });
    await expect(tpm.saveState()).rejects.toThrow(/The TPM is detached/);
    expect(errors).toEqual([]);
    cpu.main_loop();
    expect(cpu.log).toContain('run');
  });

  it('detach() works before the machine is created', async () => {
    const { emulator, backend, tpm } = attach();
    await tpm.detach();
    expect(backend.owner).toBeUndefined();
    backend.log.length = 0;
    emulator.create();
    await expect(tpm.ready).rejects.toThrow(/The TPM is detached/);
    expect(emulator.stops).toBe(1);
    expect(backend.log).toEqual([]);
  });
});

describe('saved states', () => {
  async function embedded(options: Partial<AttachTpmOptions> = {}) {
    const bench = attach({ backend: await openEmbedded(), ...options });
    const cpu = bench.emulator.create();
    await bench.tpm.ready;
    return { ...bench, cpu };
  }

  it('saveState() puts the TPM at index 255 as plain fields', async () => {
    const { tpm, emulator, cpu } = await embedded();
    await tpm.saveState();
    const [machine, ...others] = emulator.saved!;
    expect(machine).toBe('machine');
    expect(others.filter((field) => field !== undefined)).toHaveLength(1);
    expect(emulator.saved).toHaveLength(256);
    const check = (field: unknown): void => {
      if (Array.isArray(field)) field.forEach(check);
      else if (typeof field === 'object' && field !== null)
        expect(field.constructor).toBe(Uint8Array);
      else expect(typeof field).toMatch(/string|number|boolean|object/);
    };
    check(emulator.saved![255]);
    cpu.main_loop();
    expect(cpu.log).toContain('run');
  });

  it('set_state() gives the TPM back, with log and PPI memory', async () => {
    const from = await embedded();
    from.cpu.mapping!.write8(LOG, 42);
    from.tpm.ppi!.setWord('fret', 7);
    await from.tpm.saveState();
    const to = await embedded();
    to.cpu.set_state(from.emulator.saved!);
    await to.tpm.settled();
    expect(to.tpm.eventLog()![0]).toBe(42);
    expect(to.tpm.ppi!.word('fret')).toBe(7);
    expect(to.errors).toEqual([]);
  });

  it('get_state() refuses without saveState()', async () => {
    const { cpu } = await embedded();
    expect(() => cpu.get_state()).toThrow(/use saveState\(\)/);
  });

  it('set_state() of a machine without a TPM resets it', async () => {
    const { cpu, tpm } = await embedded();
    cpu.mapping!.write8(LOG, 42);
    cpu.set_state(['other']);
    await tpm.settled();
    expect(cpu.log).toContain('set_state other');
    expect(tpm.eventLog()![0]).toBe(0);
  });

  it.each([
    ['another device', { model: 'tpm-crb' }, /TPM device: configured tpm-tis, saved tpm-crb/],
    ['other tables', { eventLog: 'ram' }, /Firmware tables: configured .*block, saved .*memory/],
    ['no PPI', { ppi: false }, /Physical presence interface: configured true, saved false/],
  ] as const)(
    'set_state() refuses a state with %s, and nothing changes',
    async (_, options, message) => {
      const from = await embedded(options);
      await from.tpm.saveState();
      const { cpu } = await embedded();
      expect(() => cpu.set_state(from.emulator.saved!)).toThrow(message);
      expect(cpu.log).not.toContain('set_state machine');
    },
  );

  it.each([
    ['text', 'x'],
    ['a number', 5],
    ['an unknown kind', ['thing']],
    ['another format', ['object', 'format', 'tpm-v86/2']],
    ['a function name', ['object', 7, 7]],
  ])('set_state() refuses %s in the place of a TPM', async (_, field) => {
    const { cpu } = await embedded();
    const state: unknown[] = ['machine'];
    state[255] = field;
    expect(() => cpu.set_state(state)).toThrow(TpmdevError);
  });

  it('saveState() refuses what the back end can not move; the guest goes on', async () => {
    const { emulator, tpm } = attach();
    const cpu = emulator.create();
    await tpm.ready;
    await expect(tpm.saveState()).rejects.toThrow(/a script has no state/);
    cpu.main_loop();
    expect(cpu.log).toContain('run');
  });
});
