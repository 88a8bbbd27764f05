import { describe, expect, it } from 'vitest';
import { firmwareFiles, v86BootOrder } from './firmware-files.js';
import { parseV86Options } from './parse-options.js';

const NOTHING = { devices: new Set<string>(), backends: new Set<string>() };

function filesOf(line: string, given: ReadonlyMap<string, Uint8Array> = new Map()) {
  const commandLine = parseV86Options(line.split(' '), NOTHING);
  if (commandLine.kind !== 'run') throw new Error('no machine');
  return [...firmwareFiles(commandLine.description, given)].map(([name, data]) => [
    name,
    [...data],
  ]);
}

describe('firmwareFiles()', () => {
  it('firmwareFiles() switches the boot menu and the serial console', () => {
    expect(filesOf('-nographic -boot menu=on,splash-time=4660')).toEqual([
      ['etc/show-boot-menu', [1, 0]],
      ['etc/boot-menu-wait', [0x34, 0x12]],
      ['etc/sercon-port', [0xf8, 0x03]],
    ]);
    expect(filesOf('-m 64')).toEqual([['etc/show-boot-menu', [0, 0]]]);
  });

  it('firmwareFiles() lets files win that were given by name', () => {
    expect(filesOf('-m 64', new Map([['etc/show-boot-menu', Uint8Array.of(7)]]))).toEqual([
      ['etc/show-boot-menu', [7]],
    ]);
  });
});

describe('v86BootOrder()', () => {
  it.each([
    ['dac', 0x213],
    ['cda', 0x132],
    ['acd', 0x321],
    ['d', 0x003],
  ])('v86BootOrder(%s) is the number that v86 documents', (order, number) => {
    expect(v86BootOrder(order)).toBe(number);
  });
});
