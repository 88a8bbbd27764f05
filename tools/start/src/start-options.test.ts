import { describe, expect, it } from 'vitest';
import { commandLineOf } from './boot-guest.js';
import { readStartOptions } from './start-options.js';
import { stateFolder } from './state-folder.js';

function read(line: string) {
  return readStartOptions(line.split(' ').filter((word) => word !== ''));
}

describe('readStartOptions()', () => {
  it('readStartOptions() of nothing is the minimal guest with TIS and the embedded TPM', () => {
    expect(read('')).toMatchObject({
      model: 'tpm-tis',
      flavour: 'minimal',
      backend: 'embedded',
      tpmVersion: '2.0',
      fresh: false,
      rest: [],
    });
  });

  it('readStartOptions() takes its options in any order and leaves the rest to tpm-v86', () => {
    expect(read('-m 512 --crb --trace --tools --fresh -D log')).toMatchObject({
      model: 'tpm-crb',
      flavour: 'tools',
      fresh: true,
      rest: ['-m', '512', '--trace', '-D', 'log'],
    });
    expect(read('--swtpm --tpm 1.2')).toMatchObject({ backend: 'swtpm', tpmVersion: '1.2' });
  });

  it.each([
    ['--tpm 3', '--tpm: "3" is no TPM family; use 1.2 or 2.0'],
    ['--tpm', '--tpm: "" is no TPM family; use 1.2 or 2.0'],
    ['--tpm 1.2', '--tpm 1.2: the embedded TPM is a TPM 2.0; add --swtpm'],
    ['--tpm 1.2 --swtpm --crb', '--tpm 1.2: a CRB device is for a TPM 2.0; leave out --crb'],
    ['--tools --cd', '--tools and --cd are two guests; leave one of them out'],
  ])('readStartOptions(%s) refuses with one line', (line, message) => {
    expect(() => read(line)).toThrow(message);
  });
});

describe('commandLineOf()', () => {
  it("commandLineOf() is in QEMU's grammar", () => {
    expect(commandLineOf(read('--crb -m 512'), '/state,1', undefined, true)).toEqual([
      ...['--guest', 'minimal', '-tpmdev', 'embedded,id=tpm0,state=/state,,1'],
      ...['-device', 'tpm-crb,tpmdev=tpm0', '-m', '512'],
    ]);
    expect(commandLineOf(read('--swtpm --cd'), '/state', '/run/s', false)).toEqual([
      ...['--guest', 'cd', '-boot', 'd', '-chardev', 'socket,id=chrtpm,path=/run/s'],
      ...['-tpmdev', 'emulator,id=tpm0,chardev=chrtpm', '-device', 'tpm-tis,tpmdev=tpm0'],
      ...['--timeout', '600'],
    ]);
  });
});

describe('stateFolder()', () => {
  it('stateFolder() has a folder for each kind of TPM, where XDG has state', () => {
    const environment = { XDG_STATE_HOME: '/x' };
    expect(stateFolder(read(''), environment)).toBe('/x/tpmdev/embedded');
    expect(stateFolder(read('--swtpm --tpm 1.2'), environment)).toBe('/x/tpmdev/swtpm-1.2');
    expect(stateFolder(read(''), { XDG_STATE_HOME: 'relative' })).toMatch(
      /\/\.local\/state\/tpmdev\/embedded$/,
    );
  });
});
