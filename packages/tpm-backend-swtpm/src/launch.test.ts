import { describe, expect, it } from 'vitest';
import { type SwtpmLaunch, swtpmArguments } from './launch.js';

const base: SwtpmLaunch = { stateDirectory: '/state', tpmVersion: '2.0' };
const sockets = '--server type=tcp,fd=3 --ctrl type=unixio,clientfd=4';

describe('swtpmArguments', () => {
  it.each<[string, Partial<SwtpmLaunch>, string]>([
    ['a TPM 2.0', {}, '--tpm2 --tpmstate dir=/state'],
    ['a TPM 1.2', { tpmVersion: '1.2' }, '--tpmstate dir=/state'],
    [
      'a key file',
      { key: { file: '/key', format: 'binary', mode: 'aes-256-cbc' } },
      '--tpm2 --tpmstate dir=/state --key file=/key,format=binary,mode=aes-256-cbc',
    ],
    [
      'a migration passphrase',
      { migrationKey: { passphraseFile: '/phrase', kdf: 'sha512' } },
      '--tpm2 --tpmstate dir=/state --migration-key pwdfile=/phrase,kdf=sha512',
    ],
    [
      'flags, log, locality and further arguments',
      {
        flags: ['not-need-init', 'startup-clear'],
        log: { file: '/log', level: 5 },
        rejectLocality4: true,
        extraArguments: ['--seccomp', 'action=none'],
      },
      '--tpm2 --tpmstate dir=/state --flags not-need-init,startup-clear --log file=/log,level=5 --locality reject-locality-4 --seccomp action=none',
    ],
  ])('swtpmArguments() describes %s', (_name, options, expected) => {
    expect(swtpmArguments({ ...base, ...options }).join(' ')).toBe(`socket ${sockets} ${expected}`);
  });

  it.each<[string, Partial<SwtpmLaunch>]>([
    ['stateDirectory', { stateDirectory: '/a,mode=0777' }],
    ['key.file', { key: { file: '' } }],
    ['migrationKey.passphraseFile', { migrationKey: { passphraseFile: 'a,b' } }],
    ['log.file', { log: { file: 'a,b' } }],
  ])('swtpmArguments() refuses a path in %s that would change other options', (name, options) => {
    expect(() => swtpmArguments({ ...base, ...options })).toThrow(`Option ${name} is`);
  });
});
