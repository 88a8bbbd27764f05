import { describe, expect, test } from 'vitest';
import type { MachineDescription, SystemTarget } from '../description.js';
import { parseCommandLine } from './parse-command-line.js';
import type { Availability } from './tpm-options.js';

const EVERYTHING: Availability = {
  devices: { has: () => true },
  backends: { has: () => true },
};

/** Cuts at blanks; nothing here needs quotes. */
const words = (line: string) => (line === '' ? [] : line.split(' '));

function describeLine(line: string, target: SystemTarget = 'x86_64'): MachineDescription {
  const commandLine = parseCommandLine(target, words(line), EVERYTHING);
  if (commandLine.kind !== 'run') throw new Error(`${line} asks for a text`);
  return commandLine.description;
}

const CHARDEV = '-chardev socket,id=c,path=/s';
const TPM = `${CHARDEV} -tpmdev emulator,id=t,chardev=c`;
const UNIX = { kind: 'unix', path: '/s', server: false, wait: false };

describe('parseCommandLine() of a whole machine', () => {
  test('gives what the command line of a qtest client says', () => {
    const description = describeLine(
      '-qtest unix:/q -qtest-log /dev/null -chardev socket,path=/m,id=char0 ' +
        '-mon chardev=char0,mode=control -display none -audio none -machine accel=qtest ' +
        `-machine q35 ${TPM} -device tpm-tis,tpmdev=t`,
    );
    expect(description).toEqual({
      target: 'x86_64',
      family: 'q35',
      machineName: 'pc-q35-7.2',
      machineOptions: new Map([['accel', 'qtest']]),
      ramSize: 128 * 2 ** 20,
      chardevs: new Map([
        ['char0', { kind: 'unix', path: '/m', server: false, wait: false }],
        ['c', UNIX],
        ['qtest', { kind: 'unix', path: '/q', server: false, wait: false }],
      ]),
      backend: { type: 'emulator', id: 't', chardev: 'c' },
      device: { model: 'tpm-tis', tpmdev: 't', irq: 5, ppi: true },
      qtest: 'qtest',
      qtestLog: '/dev/null',
      monitors: [{ mode: 'control', chardev: 'char0', pretty: false }],
      startPaused: false,
      exitOnReset: false,
      stayOnShutdown: false,
    });
  });

  test('takes two dashes like one, and -M like -machine', () => {
    expect(describeLine('--M pc -S')).toMatchObject({ family: 'pc', startPaused: true });
  });

  test('takes the options in any order', () => {
    const device = '-device tpm-tis,tpmdev=t';
    expect(describeLine(`${device} -tpmdev emulator,id=t,chardev=c ${CHARDEV}`)).toMatchObject(
      describeLine(`${TPM} ${device}`),
    );
  });

  test('takes a device described in JSON', () => {
    const json = '{"driver":"tpm-tis","tpmdev":"t","irq":6,"ppi":false,"id":"tpm.0"}';
    expect(describeLine(`${TPM} -device ${json}`).device).toEqual({
      model: 'tpm-tis',
      tpmdev: 't',
      irq: 6,
      ppi: false,
      id: 'tpm.0',
    });
  });
});

describe('parseCommandLine() of -machine', () => {
  test.each<[string, SystemTarget, Partial<MachineDescription>]>([
    ['', 'x86_64', { family: 'pc', machineName: 'pc-i440fx-7.2' }],
    ['-machine q35', 'x86_64', { family: 'q35', machineName: 'pc-q35-7.2' }],
    ['-machine type=pc-i440fx-2.12', 'x86_64', { family: 'pc', machineName: 'pc-i440fx-2.12' }],
    ['-M pc-q35-4.0.1', 'x86_64', { family: 'q35', machineName: 'pc-q35-4.0.1' }],
    ['-M q35 -M pc', 'x86_64', { family: 'pc' }],
    ['-M virt', 'aarch64', { family: 'virt', machineName: 'virt-7.2' }],
    ['', 'ppc64', { family: 'pseries', ramSize: 512 * 2 ** 20 }],
    ['-M pseries-2.12-sxxm', 'ppc64', { machineName: 'pseries-2.12-sxxm' }],
    ['-M pc,acpi=off', 'x86_64', { machineOptions: new Map([['acpi', 'off']]) }],
    ['-M virt,acpi=auto', 'aarch64', { machineOptions: new Map([['acpi', 'auto']]) }],
    [
      '-M q35,x-oem-id=BOCHS,x-oem-table-id=a,,b,usb=off,vmport=auto,accel=kvm:tcg',
      'x86_64',
      {
        machineOptions: new Map([
          ['x-oem-id', 'BOCHS'],
          ['x-oem-table-id', 'a,b'],
          ['usb', 'off'],
          ['vmport', 'auto'],
          ['accel', 'kvm:tcg'],
        ]),
      },
    ],
  ])('accepts %j for %s', (line, target, expected) => {
    expect(describeLine(line, target)).toMatchObject(expected);
  });

  test.each([
    ['pc-q35-3.1', false],
    ['pc-i440fx-2.12', false],
    ['pc-q35-4.0', true],
    ['pc-i440fx-7.2', true],
  ])('maps PPI memory of %s by default: %s', (machine, ppi) => {
    const line = `-M ${machine} ${TPM} -device tpm-tis,tpmdev=t`;
    expect(describeLine(line).device?.ppi).toBe(ppi);
  });
});

describe('parseCommandLine() of -device', () => {
  test.each<[string, SystemTarget, object]>([
    ['tpm-tis,tpmdev=t', 'x86_64', { irq: 5, ppi: true }],
    ['driver=tpm-tis,tpmdev=t', 'x86_64', { model: 'tpm-tis' }],
    ['tpm-tis,tpmdev=t,irq=0xb,ppi=off,bus=isa.0', 'x86_64', { irq: 11, ppi: false }],
    ['tpm-tis,tpmdev=t,irq=0', 'x86_64', { irq: 0 }],
    ['tpm-tis,tpmdev=t,irq=15', 'x86_64', { irq: 15 }],
    ['tpm-tis,noppi,tpmdev=t', 'x86_64', { ppi: false }],
    ['tpm-tis,ppi=yes,tpmdev=t,id=x', 'x86_64', { ppi: true, id: 'x' }],
    ['tpm-tis-device,tpmdev=t,irq=4294967295', 'aarch64', { irq: 0xffff_ffff, ppi: false }],
    ['tpm-crb,tpmdev=t,ppi=off', 'x86_64', { model: 'tpm-crb', ppi: false }],
    ['tpm-crb,tpmdev=t', 'x86_64', { ppi: true, chunking: false }],
    ['tpm-crb,tpmdev=t,cap-chunk=on', 'x86_64', { chunking: true }],
    ['tpm-crb,tpmdev=t,cap-chunk=off', 'x86_64', { chunking: false }],
    ['tpm-spapr,tpmdev=t', 'ppc64', { model: 'tpm-spapr', ppi: false, reg: 0xffff_ffff }],
    ['tpm-spapr,tpmdev=t,reg=0x71000000', 'ppc64', { reg: 0x7100_0000 }],
  ])('accepts %s for %s', (device, target, expected) => {
    const machine = target === 'aarch64' ? '-M virt' : '';
    const line = `${machine} ${TPM} -device ${device}`.trim();
    expect(describeLine(line, target).device).toMatchObject(expected);
  });
});

describe('parseCommandLine() of -chardev', () => {
  test.each<[string, object]>([
    ['socket,id=c,path=/s', UNIX],
    ['backend=socket,id=c,path=/s', UNIX],
    ['socket,id=c,path=/s,server=on', { ...UNIX, server: true, wait: true }],
    ['socket,id=c,path=/s,server=on,wait=off', { ...UNIX, server: true, wait: false }],
    ['socket,id=c,path=/s,server,nowait', { ...UNIX, server: true, wait: false }],
    ['socket,id=c,path=/a,,b', { ...UNIX, path: '/a,b' }],
    ['socket,id=c,path=/s,telnet=off', UNIX],
    [
      'socket,id=c,host=localhost,port=4321,nodelay=on',
      { kind: 'tcp', host: 'localhost', port: 4321, server: false, wait: false },
    ],
    ['socket,id=c,fd=7', { kind: 'fd', fd: 7, server: false, wait: false }],
    ['null,id=c', { kind: 'null' }],
    ['stdio,id=c,signal=off,mux=on', { kind: 'stdio' }],
    ['file,id=c,path=/f', { kind: 'file', path: '/f', append: false }],
    ['file,id=c,path=/f,append=on', { kind: 'file', path: '/f', append: true }],
  ])('accepts %s', (argument, device) => {
    expect(describeLine(`-chardev ${argument}`).chardevs).toEqual(new Map([['c', device]]));
  });
});

describe('parseCommandLine() of -qtest, -qmp and -monitor', () => {
  test.each<[string, object]>([
    ['null', { kind: 'null' }],
    ['stdio', { kind: 'stdio' }],
    ['file:/f', { kind: 'file', path: '/f', append: false }],
    ['unix:/s', UNIX],
    ['unix:path=/s', UNIX],
    ['unix:/s,server', { ...UNIX, server: true, wait: true }],
    ['unix:/s,server=on,wait=off', { ...UNIX, server: true }],
    ['tcp:127.0.0.1:99', { kind: 'tcp', host: '127.0.0.1', port: 99, server: false, wait: false }],
    [
      'tcp:[::1]:99,server=on,wait=off',
      { kind: 'tcp', host: '::1', port: 99, server: true, wait: false },
    ],
  ])('accepts %s', (text, device) => {
    const { chardevs, qtest } = describeLine(`-qtest ${text}`);
    expect(chardevs.get(qtest!)).toEqual(device);
    const monitored = describeLine(`-qmp ${text} -monitor none`);
    expect(monitored.chardevs.get(monitored.monitors[0]!.chardev)).toEqual(device);
  });

  test('takes a monitor on a named character device', () => {
    expect(describeLine('-chardev null,id=a -qmp chardev:a').monitors).toEqual([
      { mode: 'control', chardev: 'a', pretty: false },
    ]);
  });

  test('tells the kinds of monitor apart', () => {
    const line = '-qmp null -qmp-pretty null -monitor null -chardev null,id=m -mon m,pretty=off';
    expect(describeLine(line).monitors.map(({ mode, pretty }) => [mode, pretty])).toEqual([
      ['control', false],
      ['control', true],
      ['readline', false],
      ['readline', false],
    ]);
  });
});

describe('parseCommandLine() of the rest', () => {
  test.each<[string, Partial<MachineDescription>]>([
    ['-m 1', { ramSize: 2 ** 20 }],
    ['-m size=1G', { ramSize: 2 ** 30 }],
    ['-m 64 -m 1k', { ramSize: 8192 }],
    ['-m 0', { ramSize: 128 * 2 ** 20 }],
    ['-name vm1', { guestName: 'vm1' }],
    ['-name guest=vm1,process=p,debug-threads=on', { guestName: 'vm1' }],
    [
      '-uuid 12345678-9ABC-def0-1234-56789abcdef0',
      { uuid: '12345678-9abc-def0-1234-56789abcdef0' },
    ],
    [
      '-tpmdev passthrough,id=p,path=/dev/tpm1,cancel-path=/c',
      { backend: { type: 'passthrough', id: 'p', path: '/dev/tpm1', cancelPath: '/c' } },
    ],
    ['-tpmdev passthrough,id=p', { backend: { type: 'passthrough', id: 'p', path: '/dev/tpm0' } }],
    ['-tpmdev embedded,id=t', { backend: { type: 'embedded', id: 't' } }],
    ['-tpmdev embedded,id=t,state=/s', { backend: { type: 'embedded', id: 't', state: '/s' } }],
    ['-pidfile /p', { pidFile: '/p' }],
    ['-no-reboot -no-shutdown', { exitOnReset: true, stayOnShutdown: true }],
    ['-accel qtest -accel tcg,thread=single', {}],
    ['-nodefaults -no-user-config -nographic -vga none -net none -nic none', {}],
    ['-serial none -serial null -parallel none -cpu max -smp 2,cores=2 -rtc base=utc', {}],
    ['-audiodev none,id=a -boot c -enable-kvm -qtest-log none -debug', {}],
    [
      `${CHARDEV} -chardev socket,id=d,path=/d -tpmdev emulator,id=t,chardev=c,data-chardev=d`,
      {
        backend: { type: 'emulator', id: 't', chardev: 'c', dataChardev: 'd' },
      },
    ],
  ])('accepts %s', (line, expected) => {
    expect(describeLine(line)).toMatchObject(expected);
  });

  test.each<[string, RegExp]>([
    ['-help', /^tpm-system-x86_64, .*\nusage: tpm-system-x86_64 \[options\]\n/],
    ['-h', /-device MODEL/],
    ['-version', /^tpm-system-x86_64, tpm-integration 0\.1\.0, compatible with QEMU 7\.2\.0\n$/],
    ['-machine help', /^q35 +PC .* \(alias of pc-q35-7\.2\)$/m],
    ['-device help', /^ {2}name "tpm-tis"$/m],
    ['-device tpm-tis,help', /^tpm-tis options:\n {2}irq=<uint32> +- \(default: 5\)$/m],
    [
      '-device tpm-crb,?',
      /^tpm-crb options:\n {2}cap-chunk=<bool> +- \(default: false; newer than QEMU 7\.2\)\n {2}ppi=<bool> +- \(default: true\)\n {2}tpmdev=<str>/,
    ],
    ['-help', /^-tpmdev embedded,id=ID\[,state=DIR\] +a TPM in this process \(not in QEMU\)$/m],
    ['-tpmdev help', /^ +embedded {3}TPM in this process \(not in QEMU\)$/m],
    ['-tpmdev help', /^ +emulator {3}TPM emulator backend driver$/m],
    ['-chardev help', /^ {2}socket$/m],
    ['-accel help', /^qtest$/m],
  ])('prints a text for %s', (line, text) => {
    expect(parseCommandLine('x86_64', words(line), EVERYTHING)).toEqual({
      kind: 'print',
      text: expect.stringMatching(text),
    });
  });

  test('lists only what can be built', () => {
    const available = { devices: new Set(['tpm-tis']), backends: new Set(['emulator']) };
    const text = (line: string) => parseCommandLine('x86_64', words(line), available);
    expect(text('-device help')).toEqual({
      kind: 'print',
      text: 'TPM devices:\n  name "tpm-tis"\n',
    });
    expect(text('-help')).not.toMatchObject({ text: expect.stringContaining('embedded') });
    expect(text('-tpmdev help')).toEqual({
      kind: 'print',
      text: 'Supported TPM types (choose only one):\n    emulator   TPM emulator backend driver\n',
    });
  });
});
