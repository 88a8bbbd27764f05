import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SystemTarget } from '../description.js';
import { OptionError } from './option-error.js';
import { OPTION_RULES } from './option-table.js';
import { parseCommandLine } from './parse-command-line.js';
import type { Availability } from './tpm-options.js';

const EVERYTHING: Availability = {
  devices: { has: () => true },
  backends: { has: () => true },
};
const EMULATED_TIS: Availability = {
  devices: new Set(['tpm-tis']),
  backends: new Set(['emulator']),
};

/** Cuts at blanks; nothing here needs quotes. */
const words = (line: string) => (line === '' ? [] : line.split(' '));

function complaint(line: string, target: SystemTarget = 'x86_64'): string {
  try {
    parseCommandLine(target, words(line), EVERYTHING);
  } catch (error) {
    if (error instanceof OptionError) return error.message;
    throw error;
  }
  return 'accepted';
}

const CHARDEV = '-chardev socket,id=c,path=/s';
const TPM = `${CHARDEV} -tpmdev emulator,id=t,chardev=c`;

describe('parseCommandLine() refuses', () => {
  const DEVICE = `${TPM} -device`;
  const MODELS = 'this machine has: tpm-crb, tpm-tis';
  const ID_RULE =
    "Parameter 'id' expects an identifier (letters, digits, '-', '.', '_', starting with a letter)";
  const MACHINE_HINT = 'use -machine help to list supported machines';
  test.each<[string, string]>([
    ['-bogus', '-bogus: invalid option; see -help'],
    ['---S', '---S: invalid option; see -help'],
    ['-m', '-m: requires an argument'],
    ['disk.img', 'disk.img: this machine has no disks; a disk image is not supported'],
    ['-kernel k', '-kernel: this machine has no CPU; option -kernel is not supported'],
    ['-drive x', '-drive: this machine has no disks; option -drive is not supported'],
    [
      '-daemonize',
      '-daemonize: start the program in the background instead; option -daemonize is not supported',
    ],
    ['-display gtk', '-display gtk: this machine has no display; use -display none'],
    ['-serial stdio', '-serial stdio: this machine has no such port; use none'],
    [
      '-accel foo',
      '-accel foo: invalid accelerator foo; known are: qtest, tcg, kvm, xen, hax, hvf, nvmm, whpx',
    ],
    [
      '-M q35,accel=tcg -accel tcg',
      '-accel tcg: The -accel and "-machine accel=" options are incompatible; leave one out',
    ],
    ['-machine foo', `-machine foo: unsupported machine type 'foo'; ${MACHINE_HINT}`],
    ['-M virt', `-M virt: unsupported machine type 'virt'; ${MACHINE_HINT}`],
    ['-M q35,bogus=1', "-M q35,bogus=1: Property 'pc-q35-7.2-machine.bogus' not found"],
    ['-M q35,usb=maybe', "-M q35,usb=maybe: Parameter 'usb' expects 'on' or 'off'"],
    ['-M q35,smm=foo', "-M q35,smm=foo: Parameter 'smm' does not accept value 'foo'"],
    [
      '-M q35,x-oem-id=ABCDEFG',
      '-M q35,x-oem-id=ABCDEFG: User specified x-oem-id value is bigger than 6 bytes in size',
    ],
    [
      '-M q35,x-oem-table-id=ABCDEFGHI',
      '-M q35,x-oem-table-id=ABCDEFGHI: User specified x-oem-table-id value is bigger than 8 bytes in size',
    ],
    ['-M q35,acpi=maybe', "-M q35,acpi=maybe: Parameter 'acpi' does not accept value 'maybe'"],
    ['-M q35,acpi=yes', "-M q35,acpi=yes: Parameter 'acpi' does not accept value 'yes'"],
    [
      '-M q35,x-oem-id=TÜV',
      "-M q35,x-oem-id=TÜV: Parameter 'x-oem-id' expects printable ASCII characters, not 'TÜV'",
    ],
    [
      '-m abc',
      "-m abc: Parameter 'size' expects a non-negative number below 2^53 bytes, optionally followed by k, M, G, T or P; a bare number counts mebibytes",
    ],
    [
      '-m 1,slots=2',
      "-m 1,slots=2: Parameter 'slots' is not supported: this machine has no hot-pluggable memory",
    ],
    ['-m 1,bogus=2', "-m 1,bogus=2: Invalid parameter 'bogus'"],
    ['-name a,b=c', "-name a,b=c: Invalid parameter 'b'"],
    [
      '-uuid foo',
      '-uuid foo: failed to parse UUID string: wrong format; expected 8-4-4-4-12 digits',
    ],
    ['-incoming defer', '-incoming defer: loading a state is not available in this version'],

    ['-chardev socket,path=/x', '-chardev socket,path=/x: chardev: no id specified'],
    ['-chardev null,id=1', `-chardev null,id=1: ${ID_RULE}`],
    ['-chardev id=a', '-chardev id=a: chardev: "a" missing backend'],
    ['-chardev foo,id=a', "-chardev foo,id=a: 'foo' is not a valid char driver name"],
    ['-chardev null,id=a -chardev null,id=a', "-chardev null,id=a: Duplicate ID 'a' for chardev"],
    ['-chardev null,id=a,bogus=1', "-chardev null,id=a,bogus=1: Invalid parameter 'bogus'"],
    [
      '-chardev socket,id=a',
      "-chardev socket,id=a: chardev: socket: exactly one of 'path', 'fd' or 'host' is needed",
    ],
    [
      '-chardev socket,id=a,path=/x,host=y',
      "-chardev socket,id=a,path=/x,host=y: chardev: socket: exactly one of 'path', 'fd' or 'host' is needed",
    ],
    ['-chardev socket,id=a,host=h', '-chardev socket,id=a,host=h: chardev: socket: no port given'],
    [
      '-chardev socket,id=a,host=h,port=x',
      "-chardev socket,id=a,host=h,port=x: Parameter 'port' expects a number from 0 to 65535, found 'x'",
    ],
    ['-chardev socket,id=a,fd=abc', '-chardev socket,id=a,fd=abc: Unable to parse FD number abc'],
    [
      '-chardev socket,id=a,path=/x,server=1',
      "-chardev socket,id=a,path=/x,server=1: Parameter 'server' expects 'on' or 'off'",
    ],
    [
      '-chardev socket,id=a,path=/x,wait=on',
      "-chardev socket,id=a,path=/x,wait=on: 'wait' option is incompatible with socket in client connect mode",
    ],
    [
      '-chardev socket,id=a,path=/x,telnet=on',
      "-chardev socket,id=a,path=/x,telnet=on: Parameter 'telnet' is not supported by this machine; leave it out",
    ],
    ['-chardev file,id=a', '-chardev file,id=a: chardev: file: no filename given'],
    [
      '-chardev stdio,id=a -monitor stdio',
      'cannot use stdio by multiple character devices: a, compat_monitor0',
    ],

    ['-qtest foo', "-qtest foo: 'foo' is not a valid char driver"],
    ['-qtest unix:', '-qtest unix:: unix: no path given'],
    ['-qtest tcp:h', "-qtest tcp:h: tcp: expected HOST:PORT, found 'h'"],
    ['-qmp none', "-qmp none: 'none' is not a valid char driver"],
    ['-qmp chardev:a', '-qmp chardev:a: chardev "a" not found'],
    ['-chardev null,id=a -mon a -qmp chardev:a', "-qmp chardev:a: Device 'a' is in use"],
    ['-qtest chardev:a', "-qtest chardev:a: 'chardev' is not a valid char driver"],
    ['-mon mode=control', "-mon mode=control: Parameter 'chardev' is missing"],
    ['-mon x', '-mon x: chardev "x" not found'],
    ['-chardev null,id=m -mon m -mon m', "-mon m: Device 'm' is in use"],
    [
      '-chardev null,id=m -mon m,mode=foo',
      "-mon m,mode=foo: Parameter 'mode' does not accept value 'foo'; use control or readline",
    ],
    ['-chardev null,id=m -mon m,foo=1', "-mon m,foo=1: Invalid parameter 'foo'"],
    [
      '-chardev null,id=m -mon m,pretty=on',
      "-mon m,pretty=on: 'pretty' is not compatible with HMP monitors",
    ],
    [
      '-chardev null,id=m -mon m,mode=control,pretty=x',
      "-mon m,mode=control,pretty=x: Parameter 'pretty' expects 'on' or 'off'",
    ],
    [`${TPM} -mon c`, "-mon c: Device 'c' is in use"],

    ['-tpmdev emulator', "-tpmdev emulator: Parameter 'id' is missing"],
    [
      '-tpmdev id=x',
      "-tpmdev id=x: Parameter 'type' is missing; choose one of: passthrough, emulator, embedded",
    ],
    [
      '-tpmdev foo,id=x',
      "-tpmdev foo,id=x: Parameter 'type' expects a TPM backend type; choose one of: passthrough, emulator, embedded",
    ],
    [
      '-tpmdev embedded,id=x,state=',
      "-tpmdev embedded,id=x,state=: tpm-embedded: parameter 'state' expects a directory",
    ],
    [
      '-tpmdev embedded,id=x,chardev=c',
      "-tpmdev embedded,id=x,chardev=c: Invalid parameter 'chardev'",
    ],
    ['-tpmdev emulator,id=1x', `-tpmdev emulator,id=1x: ${ID_RULE}`],
    [
      '-tpmdev emulator,id=x',
      "-tpmdev emulator,id=x: tpm-emulator: parameter 'chardev' is missing",
    ],
    [
      '-tpmdev emulator,id=x,chardev=y',
      "-tpmdev emulator,id=x,chardev=y: tpm-emulator: tpm chardev 'y' not found",
    ],
    ['-tpmdev emulator,id=x,bogus=1', "-tpmdev emulator,id=x,bogus=1: Invalid parameter 'bogus'"],
    [
      '-tpmdev passthrough,id=x,chardev=a',
      "-tpmdev passthrough,id=x,chardev=a: Invalid parameter 'chardev'",
    ],
    [
      `${TPM} -tpmdev emulator,id=u,chardev=c`,
      '-tpmdev emulator,id=u,chardev=c: Only one TPM is allowed.',
    ],
    [
      `${TPM} -tpmdev emulator,id=t,chardev=c`,
      "-tpmdev emulator,id=t,chardev=c: Duplicate ID 't' for tpmdev",
    ],
    [
      '-chardev null,id=c -tpmdev emulator,id=t,chardev=c',
      "-tpmdev emulator,id=t,chardev=c: tpm-emulator: tpm chardev 'c' is 'null'; swtpm needs a socket",
    ],
    [
      `${CHARDEV},server=on -tpmdev emulator,id=t,chardev=c`,
      "-tpmdev emulator,id=t,chardev=c: tpm-emulator: tpm chardev 'c' has server=on; swtpm is the server",
    ],
    [
      '-chardev socket,id=c,host=h,port=1 -tpmdev emulator,id=t,chardev=c',
      "-tpmdev emulator,id=t,chardev=c: tpm-emulator: tpm chardev 'c' is no unix socket path, so that swtpm's data channel needs a chardev of its own; add data-chardev=ID",
    ],
    [
      `${CHARDEV} -tpmdev emulator,id=t,chardev=c,data-chardev=c`,
      "-tpmdev emulator,id=t,chardev=c,data-chardev=c: tpm-emulator: 'chardev' and 'data-chardev' both name 'c'",
    ],

    ['-device tpm-tis', "-device tpm-tis: 'tpmdev' property is required"],
    [
      '-device tpm-tis,tpmdev=x',
      "-device tpm-tis,tpmdev=x: Property 'tpm-tis.tpmdev' can't find value 'x'",
    ],
    [
      `${DEVICE} tpm-tis,tpmdev=t,irq=16`,
      '-device tpm-tis,tpmdev=t,irq=16: IRQ 16 is outside valid range of 0 to 15',
    ],
    [
      `${DEVICE} tpm-tis,tpmdev=t,irq=-1`,
      "-device tpm-tis,tpmdev=t,irq=-1: Parameter 'irq' expects uint32_t",
    ],
    [
      `${DEVICE} tpm-tis,tpmdev=t,irq=4294967296`,
      "-device tpm-tis,tpmdev=t,irq=4294967296: Parameter 'irq' expects uint32_t",
    ],
    [
      `${DEVICE} tpm-tis,tpmdev=t,irq=abc`,
      "-device tpm-tis,tpmdev=t,irq=abc: Parameter 'irq' expects integer",
    ],
    [
      `${DEVICE} tpm-tis,tpmdev=t,irq=`,
      "-device tpm-tis,tpmdev=t,irq=: Parameter 'irq' expects integer",
    ],
    [
      `${DEVICE} tpm-tis,tpmdev=t,ppi=maybe`,
      "-device tpm-tis,tpmdev=t,ppi=maybe: Parameter 'ppi' expects 'on' or 'off'",
    ],
    [
      `${DEVICE} tpm-crb,tpmdev=t,bus=isa.0`,
      "-device tpm-crb,tpmdev=t,bus=isa.0: Device 'tpm-crb' can't go on ISA bus",
    ],
    [`${DEVICE} tpm-crb,tpmdev=t,bus=foo`, "-device tpm-crb,tpmdev=t,bus=foo: Bus 'foo' not found"],
    [
      `${DEVICE} tpm-crb,tpmdev=t,cap-chunk=1`,
      "-device tpm-crb,tpmdev=t,cap-chunk=1: Parameter 'cap-chunk' expects 'on' or 'off'",
    ],
    [
      `${DEVICE} tpm-tis,tpmdev=t,cap-chunk=on`,
      "-device tpm-tis,tpmdev=t,cap-chunk=on: Property 'tpm-tis.cap-chunk' not found",
    ],
    [
      `${DEVICE} tpm-tis,tpmdev=t,foo=1`,
      "-device tpm-tis,tpmdev=t,foo=1: Property 'tpm-tis.foo' not found",
    ],
    [`${DEVICE} tpm-tis,tpmdev=t,bus=foo`, "-device tpm-tis,tpmdev=t,bus=foo: Bus 'foo' not found"],
    [`${DEVICE} tpm-tis,tpmdev=t,id=1`, `-device tpm-tis,tpmdev=t,id=1: ${ID_RULE}`],
    [
      `${DEVICE} tpm-tis,tpmdev=t -device tpm-tis,tpmdev=t`,
      "-device tpm-tis,tpmdev=t: TPM backend 't' is already initialized",
    ],
    [
      `${DEVICE} tpm-tis,tpmdev=t -device tpm-tis`,
      '-device tpm-tis: at most one TPM device is permitted',
    ],
    [
      `${DEVICE} tpm-tis,tpmdev=t,id=a -device tpm-tis,tpmdev=t,id=a`,
      "-device tpm-tis,tpmdev=t,id=a: Duplicate ID 'a' for device",
    ],
    ['-device tpm-foo', `-device tpm-foo: 'tpm-foo' is not a valid device model name; ${MODELS}`],
    [
      '-device tpm-spapr',
      `-device tpm-spapr: 'tpm-spapr' is not a valid device model name for x86_64; ${MODELS}`,
    ],
    [
      '-device toString',
      `-device toString: 'toString' is not a valid device model name; ${MODELS}`,
    ],
    [
      '-tpmdev constructor,id=x',
      "-tpmdev constructor,id=x: Parameter 'type' expects a TPM backend type; choose one of: passthrough, emulator, embedded",
    ],
    [
      '-machine toString=1',
      "-machine toString=1: Property 'pc-i440fx-7.2-machine.toString' not found",
    ],
    ['-device tpmdev=x', "-device tpmdev=x: Parameter 'driver' is missing"],
    ['-device {x}', '-device {x}: JSON parse error'],
  ])('%s', (line, message) => {
    if (message.endsWith('JSON parse error')) expect(complaint(line)).toContain(message);
    else expect(complaint(line)).toBe(message);
  });

  test.each<[SystemTarget, string, string]>([
    ['aarch64', '', `No machine specified, and there is no default; ${MACHINE_HINT}`],
    [
      'aarch64',
      '-M virt -device tpm-tis',
      "-device tpm-tis: 'tpm-tis' is not a valid device model name for aarch64; this machine has: tpm-tis-device",
    ],
    [
      'aarch64',
      `-M virt ${TPM} -device tpm-tis-device,tpmdev=t,ppi=on`,
      "-device tpm-tis-device,tpmdev=t,ppi=on: Property 'tpm-tis-device.ppi' not found",
    ],
    ['ppc64', '-device tpm-spapr', "-device tpm-spapr: 'tpmdev' property is required"],
    [
      'ppc64',
      `${TPM} -device tpm-spapr,tpmdev=t,irq=5`,
      "-device tpm-spapr,tpmdev=t,irq=5: Property 'tpm-spapr.irq' not found",
    ],
  ])('for %s: %s', (target, line, message) => {
    expect(complaint(line, target)).toBe(message);
  });

  test.each([
    [
      `${DEVICE} tpm-crb,tpmdev=t`,
      "-device tpm-crb,tpmdev=t: device 'tpm-crb' is not available in this version",
    ],
    [
      '-tpmdev passthrough,id=t',
      "-tpmdev passthrough,id=t: TPM backend type 'passthrough' is not available in this version",
    ],
    [
      '-tpmdev embedded,id=t',
      "-tpmdev embedded,id=t: TPM backend type 'embedded' is not available in this version",
    ],
  ])('what can not be built: %s', (line, message) => {
    expect(() => parseCommandLine('x86_64', words(line), EMULATED_TIS)).toThrow(message);
  });

  test('in one line whatever the words are', () => {
    const option = fc.constantFrom(...[...OPTION_RULES.keys()].map((name) => `-${name}`));
    const inherited = fc.constantFrom('constructor', 'toString,id=a', '__proto__=1,id=a');
    const argument = fc.oneof(inherited, fc.stringMatching(/^[a-z0-9,=:?{}"/-]{0,12}$/));
    fc.assert(
      fc.property(fc.array(fc.oneof(option, argument), { maxLength: 6 }), (given) => {
        try {
          parseCommandLine('x86_64', given, EVERYTHING);
        } catch (error) {
          if (!(error instanceof OptionError)) throw error;
          expect(error.message).not.toContain('\n');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
