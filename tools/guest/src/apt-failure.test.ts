import { expect, test } from 'vitest';
import { aptFailure } from './apt-failure.js';

const MIRROR = 'http://mirror.example/debian';

// Messages as apt 2.6 writes them.
test.each([
  [
    'ERR_GUEST_NETWORK',
    'E: Failed to fetch http://mirror.example/debian/dists/bookworm/InRelease  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)',
  ],
  [
    'ERR_GUEST_NETWORK',
    "E: Failed to fetch http://nohost.invalid/InRelease  Could not resolve 'nohost.invalid'",
  ],
  [
    'ERR_GUEST_SUITE',
    "E: The repository 'http://mirror.example/debian bookworm Release' does not have a Release file.",
  ],
  [
    'ERR_GUEST_SIGNATURE',
    "W: GPG error: http://mirror.example/debian bookworm InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 6ED0E7B82643E131\nE: The repository 'http://mirror.example/debian bookworm InRelease' is not signed.",
  ],
  [
    'ERR_GUEST_ARCHITECTURE',
    "N: Skipping acquire of configured file 'main/binary-i386/Packages' as repository 'http://mirror.example/debian bookworm InRelease' doesn't support architecture 'i386'",
  ],
  ['ERR_GUEST_DISK_FULL', "E: You don't have enough free space in /c/apt/archives/."],
  ['ERR_GUEST_DISK_FULL', 'E: Write error - write (28: No space left on device)'],
  ['ERR_GUEST_PACKAGE', 'E: Unable to locate package seabios'],
  [
    'ERR_GUEST_CACHE',
    'E: Could not get lock /c/apt/state/lists/lock. It is held by process 12 (apt-get)',
  ],
  ['ERR_GUEST_PROGRAM', 'W: something\nE: Something new'],
])('aptFailure() says %s in one line with the way out', (code, output) => {
  const error = aptFailure(output, MIRROR);
  expect(error.code).toBe(code);
  expect(error.message).not.toMatch(/\n|\.$|undefined/);
  expect(error.message).toMatch(/; (?:check|configure|install|make room|pass|wait)/);
});

test('aptFailure() keeps a long message short and survives an empty one', () => {
  expect(aptFailure(`E: ${'x'.repeat(5000)}`, MIRROR).message.length).toBeLessThan(400);
  expect(aptFailure('', MIRROR).message).toContain('no output');
});
