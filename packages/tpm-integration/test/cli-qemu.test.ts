import { afterEach, describe, expect, test } from 'vitest';
import type { SystemTarget } from '../src/description.js';
import { OptionError } from '../src/options/option-error.js';
import { parseCommandLine } from '../src/options/parse-command-line.js';
import { startSwtpm } from './support/peers.js';
import { Resources } from './support/resources.js';

const resources = new Resources();
afterEach(() => resources.release());

const EVERYTHING = { devices: { has: () => true }, backends: { has: () => true } };

/** How QEMU is started besides the words in question: it must not open anything. */
const QUIET = ['-display', 'none', '-nodefaults', '-S', '-monitor', 'none'];

/** @returns the first line of QEMU's complaint, without its name and the option */
async function qemuComplaint(target: SystemTarget, words: readonly string[]): Promise<string> {
  const program = `qemu-system-${target}`;
  const running = await resources.start(program, [...QUIET, ...words]);
  const end = await running.exited;
  expect(end).toMatch(new RegExp(`^${program} ended with 1: `));
  const line = end.split(`ended with 1: ${program}: `)[1]?.split('\n')[0] ?? end;
  return withoutOption(line, words);
}

/** @returns our complaint, without the option */
function ownComplaint(target: SystemTarget, words: readonly string[]): string {
  try {
    parseCommandLine(target, words, EVERYTHING);
  } catch (error) {
    if (error instanceof OptionError) return withoutOption(error.message, words);
    throw error;
  }
  return 'accepted';
}

function withoutOption(line: string, words: readonly string[]): string {
  for (let index = words.length - 1; index >= 0; index--) {
    const prefix = `${words.slice(index).slice(0, 2).join(' ')}: `;
    if (line.startsWith(prefix)) return line.slice(prefix.length);
  }
  return line;
}

describe('a mistake without a back end is called by the name that QEMU has for it', () => {
  test.each<[SystemTarget, string]>([
    ['x86_64', '-chardev null,id=a -chardev null,id=a'],
    ['x86_64', '-chardev socket,path=/tmp/x'],
    ['x86_64', '-chardev id=a'],
    ['x86_64', '-chardev foo,id=a'],
    ['x86_64', '-chardev null,id=a,bogus=1'],
    ['x86_64', '-chardev socket,id=a,host=localhost'],
    ['x86_64', '-chardev socket,id=a,path=/tmp/x,server=maybe'],
    ['x86_64', '-chardev socket,id=a,path=/tmp/x,wait=on'],
    ['x86_64', '-chardev socket,id=a,fd=abc'],
    ['x86_64', '-chardev file,id=a'],
    ['x86_64', '-mon mode=control'],
    ['x86_64', '-mon chardev=nope'],
    ['x86_64', '-chardev null,id=n -mon n -mon n'],
    ['x86_64', '-chardev null,id=n -mon n,foo=1'],
    ['x86_64', '-chardev null,id=n -mon n,pretty=on'],
    ['x86_64', '-qmp foo'],
    ['x86_64', '-qmp chardev:a'],
    ['x86_64', '-chardev null,id=a -mon a,mode=control -qmp chardev:a'],
    ['x86_64', '-tpmdev emulator'],
    ['x86_64', '-tpmdev emulator,id=x'],
    ['x86_64', '-tpmdev emulator,id=x,chardev=nope'],
    ['x86_64', '-tpmdev emulator,id=x,bogus=1'],
    ['x86_64', '-tpmdev passthrough,id=x,chardev=a'],
    ['x86_64', '-tpmdev emulator,id=x,chardev=a -tpmdev emulator,id=x,chardev=b'],
    ['x86_64', '-device tpm-tis'],
    ['x86_64', '-device tpm-crb'],
    ['x86_64', '-device tpm-tis,tpmdev=x'],
    ['x86_64', '-device tpmdev=x'],
    ['x86_64', '-device {"driver":"tpm-tis","tpmdev":"x"}'],
    ['x86_64', '-machine q35,bogus=1'],
    ['x86_64', '-machine q35,x-oem-id=ABCDEFG'],
    ['x86_64', '-machine q35,x-oem-table-id=ABCDEFGHI'],
    ['x86_64', '-machine pc,acpi=maybe'],
    ['x86_64', '-machine q35,acpi=yes'],
    ['x86_64', '-machine q35,acpi='],
    ['aarch64', '-machine virt,acpi=true'],
    ['aarch64', '-machine virt,x-oem-id=ABCDEFG'],
    ['aarch64', '-machine virt,x-oem-table-id=ABCDEFGHI'],
    ['ppc64', '-machine pseries,acpi=on'],
    ['ppc64', '-machine pseries,x-oem-id=A'],
    ['x86_64', '-machine q35,usb=maybe'],
    ['x86_64', '-machine q35,smm=foo'],
    ['x86_64', '-m 1,bogus=2'],
    ['x86_64', '-name a,b=c'],
    ['aarch64', '-machine virt -device tpm-tis-device'],
    ['ppc64', '-machine pseries -device tpm-spapr'],
  ])('%s %s', async (target, line) => {
    const words = line.split(' ');
    expect(ownComplaint(target, words)).toBe(await qemuComplaint(target, words));
  });
});

describe('a mistake that QEMU explains differently begins alike', () => {
  test.each<[SystemTarget, string]>([
    ['x86_64', '-tpmdev foo,id=x'],
    ['x86_64', '-tpmdev id=x'],
    ['x86_64', '-tpmdev emulator,id=1x,chardev=c'],
    ['x86_64', '-chardev null,id=_a'],
    ['x86_64', '-device tpm-foo'],
    ['x86_64', '-machine foo'],
    ['x86_64', '-bogus'],
    ['x86_64', '-m'],
    ['x86_64', '-uuid foo'],
    ['x86_64', '-chardev null,id=n -mon n,mode=foo'],
    ['x86_64', '-machine accel=foo'],
    ['x86_64', '-machine accel=tcg -accel tcg'],
    ['aarch64', '-machine virt -device tpm-tis'],
    ['aarch64', '-machine virt -device tpm-crb'],
    ['ppc64', '-machine pseries -device tpm-crb'],
    ['aarch64', '-machine q35'],
    ['aarch64', '-S'],
  ])('%s %s', async (target, line) => {
    const words = line.split(' ');
    const theirs = await qemuComplaint(target, words);
    expect(ownComplaint(target, words).startsWith(theirs), theirs).toBe(true);
  });
});

describe('a mistake behind a back end is called by the name that QEMU has for it', () => {
  test.each<[SystemTarget, string]>([
    ['x86_64', '-device tpm-tis,irq=16,tpmdev=t'],
    ['x86_64', '-device tpm-tis,irq=0x10,tpmdev=t'],
    ['x86_64', '-device tpm-tis,irq=-1,tpmdev=t'],
    ['x86_64', '-device tpm-tis,irq=4294967296,tpmdev=t'],
    ['x86_64', '-device tpm-tis,irq=abc,tpmdev=t'],
    ['x86_64', '-device tpm-tis,irq=,tpmdev=t'],
    ['x86_64', '-device tpm-tis,ppi=maybe,tpmdev=t'],
    ['x86_64', '-device tpm-tis,foo=maybe,tpmdev=t'],
    ['x86_64', '-device tpm-tis,tpmdev=t -device tpm-tis,tpmdev=t'],
    ['x86_64', '-device tpm-tis,tpmdev=t -device tpm-crb,tpmdev=t'],
    ['x86_64', '-device tpm-tis,tpmdev=t -device tpm-tis'],
    ['x86_64', '-device tpm-tis,tpmdev=t -device tpm-tis,tpmdev=zz'],
    ['x86_64', '-device tpm-tis,tpmdev=t,id=a -device tpm-tis,tpmdev=t,id=a'],
    ['x86_64', '-device tpm-tis,tpmdev=t,bus=foo'],
    ['x86_64', '-device tpm-crb,ppi=maybe,tpmdev=t'],
    ['x86_64', '-device tpm-crb,irq=5,tpmdev=t'],
    ['x86_64', '-device tpm-crb,tpmdev=zz'],
    ['x86_64', '-device tpm-crb,tpmdev=t,bus=isa.0'],
    ['x86_64', '-device tpm-crb,tpmdev=t -device tpm-crb,tpmdev=t'],
    ['x86_64', '-device tpm-crb,tpmdev=t -device tpm-tis,tpmdev=t'],
    ['x86_64', '-tpmdev emulator,id=u,chardev=c'],
    ['x86_64', '-tpmdev passthrough,id=u'],
    ['aarch64', '-machine virt -device tpm-tis-device,tpmdev=t,ppi=on'],
    ['ppc64', '-machine pseries -device tpm-spapr,tpmdev=t,irq=5'],
  ])('%s %s', async (target, line) => {
    const swtpm = await startSwtpm(resources, '2.0');
    const words = [
      ...['-chardev', `socket,id=c,path=${swtpm.controlPath}`],
      ...['-tpmdev', 'emulator,id=t,chardev=c', ...line.split(' ')],
    ];
    expect(ownComplaint(target, words)).toBe(await qemuComplaint(target, words));
  });
});
