import { describe, expect, it } from 'vitest';
import type { V86Description } from './description.js';
import { DEFAULT_MEMORY, parseV86Options } from './parse-options.js';

const AVAILABLE = {
  devices: new Set(['tpm-tis', 'tpm-crb'] as const) as ReadonlySet<string>,
  backends: new Set(['embedded', 'emulator'] as const) as ReadonlySet<string>,
};

function parse(line: string): V86Description {
  const words = line === '' ? [] : line.split(' ');
  const commandLine = parseV86Options(words, AVAILABLE);
  if (commandLine.kind !== 'run') throw new Error(`"${line}" asks for a text`);
  return commandLine.description;
}

const EMBEDDED = '-tpmdev embedded,id=t -device tpm-tis,tpmdev=t';

describe('parseV86Options()', () => {
  it('parseV86Options() of nothing is a machine on the terminal without a TPM', () => {
    expect(parse('')).toMatchObject({
      machine: { ramSize: DEFAULT_MEMORY, startPaused: false, exitOnReset: false, monitors: [] },
      boot: { order: undefined, menu: false, splashTime: undefined },
      serialFirmware: false,
      views: ['serial', 'monitor'],
      tables: 'overlay',
      trace: false,
    });
    expect(parse('').machine.device).toBeUndefined();
  });

  it("parseV86Options() takes QEMU's options for a TPM", () => {
    const line =
      '-chardev socket,id=c,path=/run/s -tpmdev emulator,id=t,chardev=c -device tpm-crb,tpmdev=t,ppi=off';
    expect(parse(line).machine).toMatchObject({
      device: { model: 'tpm-crb', tpmdev: 't', ppi: false },
      backend: { type: 'emulator', id: 't', chardev: 'c' },
    });
    expect(parse('-tpmdev embedded,id=t,state=/d -device tpm-tis,tpmdev=t').machine).toMatchObject({
      device: { model: 'tpm-tis', irq: 5, ppi: true },
      backend: { type: 'embedded', state: '/d' },
    });
  });

  it.each([
    ['-nographic', ['serial', 'monitor']],
    ['-nographic -monitor none', ['serial']],
    ['-nographic -monitor stdio', ['monitor']],
    ['-serial stdio', ['serial']],
    ['-serial mon:stdio', ['serial', 'monitor']],
    ['-display none', []],
    ['-display none -monitor stdio', ['monitor']],
    ['-display curses', ['screen', 'monitor']],
    ['-display curses -serial stdio', ['screen', 'serial', 'monitor']],
    ['-display curses -monitor none', ['screen']],
  ])('parseV86Options(%s) puts %j on the terminal', (line, views) => {
    expect(parse(line).views).toEqual(views);
  });

  it('parseV86Options() takes images, drives and what firmware is told', () => {
    const description = parse(
      '-bios b -kernel k -initrd i -append x=1 -cdrom c.iso -drive file=d.img,format=raw ' +
        '-drive file=f.img,if=floppy,index=1 -boot order=dc,menu=on,splash-time=100 ' +
        '-fw_cfg name=opt/a,string=text -m 1G image.raw'.replace(' image.raw', ''),
    );
    expect(description.images).toMatchObject({
      bios: 'b',
      kernel: 'k',
      initrd: 'i',
      append: 'x=1',
    });
    expect([...description.drives]).toEqual([
      ['cdrom', 'c.iso'],
      ['hda', 'd.img'],
      ['fdb', 'f.img'],
    ]);
    expect(description.boot).toEqual({ order: 'dc', menu: true, splashTime: 100 });
    expect([...description.fwCfg]).toEqual([['opt/a', { text: 'text' }]]);
    expect(description.machine.ramSize).toBe(2 ** 30);
    expect([...parse('disk.img').drives]).toEqual([['hda', 'disk.img']]);
  });

  it('parseV86Options() takes its own options with two dashes', () => {
    expect(
      parse('--tables fw-cfg --guest tools --until a.*b$ --timeout 1.5 --trace --confirm-ppi'),
    ).toMatchObject({
      tables: 'fw-cfg',
      guest: 'tools',
      script: { until: /a.*b$/mu, timeout: 1500 },
      trace: true,
      confirmPpi: true,
    });
    expect(parse('--event-log ram').eventLog).toBe('ram');
  });

  it('parseV86Options() prints help and version', () => {
    const help = parseV86Options(['-help'], AVAILABLE);
    expect(help).toMatchObject({ kind: 'print', text: expect.stringContaining('--until') });
    const version = parseV86Options(['--version'], AVAILABLE);
    expect(version).toMatchObject({ kind: 'print', text: expect.stringMatching(/^tpm-v86 \d/) });
  });

  it.each([
    ['-foo', '-foo: invalid option; see -help'],
    ['-until x', "-until: not an option of QEMU's; write --until"],
    ['--until', '--until: requires an argument'],
    ['--until (', '--until (: no regular expression: Unterminated group'],
    ['--timeout 0', '--timeout 0: expects seconds, more than 0 and at most 2147483'],
    ['-m 1', '-m 1: v86 takes from 16 MiB to 2047 MiB of memory'],
    ['-m 4G', '-m 4G: v86 takes from 16 MiB to 2047 MiB of memory'],
    ['-initrd x', '-initrd x: only allowed with -kernel option'],
    ['-machine q35', "-machine q35: unsupported machine type 'q35'; v86 is a 'pc'"],
    ['-M acpi=off', '-M acpi=off: firmware finds a TPM by ACPI; leave it on'],
    [
      '-boot n',
      "-boot n: Invalid boot order 'n'; use a (floppy), c (hard disk), d (CD-ROM), each once",
    ],
    ['-boot menu=maybe', "-boot menu=maybe: Parameter 'menu' expects 'on' or 'off'"],
    ['-drive if=ide', "-drive if=ide: Parameter 'file' is missing"],
    ['-cdrom a -cdrom b', "-cdrom b: drive 'cdrom' has an image already"],
    ['-device tpm-tis', "-device tpm-tis: 'tpmdev' property is required"],
    [
      '-tpmdev embedded,id=t',
      '-tpmdev embedded,id=t: no device uses it; add -device tpm-tis,tpmdev=t',
    ],
    [
      `${EMBEDDED},irq=4`,
      '-device tpm-tis,tpmdev=t,irq=4: IRQ 4 belongs to another device; use 3, 5, 7, 10, 11',
    ],
    [
      '-tpmdev passthrough,id=t -device tpm-tis,tpmdev=t',
      "-tpmdev passthrough,id=t: TPM backend type 'passthrough' is not available in this version",
    ],
    [
      '-serial stdio -monitor stdio',
      '-monitor stdio: cannot use stdio by multiple character devices; use -serial mon:stdio',
    ],
    [
      '-nographic -display curses',
      '-display curses: -nographic takes the screen away; leave one of them out',
    ],
    ['-display gtk', "-display gtk: 'gtk' is unknown; use none or curses"],
    ['--guest big', "--guest big: 'big' is unknown; use minimal or tools or cd"],
    [
      '--tables fw-cfg --event-log ram',
      '--event-log ram: with --tables fw-cfg firmware chooses the place',
    ],
    ['-smp 2', '-smp 2: this machine has one processor'],
    ['-gdb tcp::1', '-gdb: v86 has no debugger for guests; option -gdb is not supported'],
    ['-fw_cfg name=x', "-fw_cfg name=x: give either 'file' or 'string'"],
    [
      '-chardev stdio,id=a',
      '-chardev stdio,id=a: the terminal is for -serial and -monitor; use -serial mon:stdio',
    ],
    ['-serial chardev:a', '-serial chardev:a: chardev "a" not found'],
  ])('parseV86Options(%s) refuses with one line', (line, message) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({ name: 'OptionError', code: 'ERR_OPTION', message }),
    );
  });
});
