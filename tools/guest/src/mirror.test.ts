import { expect, test } from 'vitest';
import { chooseMirror, parseDeb822Sources, parseOneLineSources } from './mirror.js';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const onDebian = (path: string): boolean => path === KEYRING;

const DEB822 = `Types: deb
# a comment
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: ${KEYRING}

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`;

test('parseDeb822Sources() reads stanzas, and lists that go on in the next line', () => {
  const [first, second] = parseDeb822Sources(`${DEB822}\nTypes: deb-src\nURIs: http://x/\n`);
  expect(first?.suites).toEqual(['bookworm', 'bookworm-updates']);
  expect(first?.signedBy).toBe(KEYRING);
  expect(second?.uris).toEqual(['http://mirror.example/debian-security']);
  const [continued] = parseDeb822Sources('Types: deb\nURIs:\n http://a\n http://b\nSuites: sid\n');
  expect(continued?.uris).toEqual(['http://a', 'http://b']);
});

test('parseDeb822Sources() passes over disabled stanzas and does not take a key for a path', () => {
  expect(parseDeb822Sources(`Enabled: no\n${DEB822.split('\n\n')[0]}`)).toEqual([]);
  const key = 'Types: deb\nURIs: http://a\nSuites: sid\nSigned-By:\n -----BEGIN PGP\n .\n';
  expect(parseDeb822Sources(key)[0]?.signedBy).toBeUndefined();
});

test('parseOneLineSources() reads options, components and comments', () => {
  const text = `# deb http://no/ x main
deb [arch=amd64 signed-by=/k.gpg] https://a/debian bookworm main contrib # why
deb-src http://b/debian bookworm main
deb http://c/ubuntu jammy main`;
  expect(parseOneLineSources(text)).toEqual([
    {
      uris: ['https://a/debian'],
      suites: ['bookworm'],
      components: ['main', 'contrib'],
      signedBy: '/k.gpg',
    },
    { uris: ['http://c/ubuntu'], suites: ['jammy'], components: ['main'], signedBy: undefined },
  ]);
});

test('chooseMirror() takes the main archive of Debian, not its security archive or another system', () => {
  const entries = [
    ...parseOneLineSources('deb http://c/ubuntu jammy main\ndeb http://s/x bookworm-security main'),
    ...parseDeb822Sources(DEB822),
  ];
  expect(chooseMirror(entries, onDebian)).toEqual({
    uri: 'http://mirror.example/debian',
    signedBy: KEYRING,
  });
});

test('chooseMirror() says so where no mirror is configured over the network', () => {
  const entries = parseOneLineSources('deb file:/media/debian bookworm main');
  expect(() => chooseMirror(entries, onDebian)).toThrow(/^No network mirror of Debian/);
  expect(() => chooseMirror([], () => false)).toThrow(/^No network mirror of Debian/);
});

test('chooseMirror() falls back on the archive key ring when the configured one is gone', () => {
  const entries = parseOneLineSources('deb [signed-by=/gone.gpg] http://m/debian trixie main');
  expect(chooseMirror(entries, onDebian)).toEqual({ uri: 'http://m/debian', signedBy: KEYRING });
});
