import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ArchiveEntry, readNewc, writeNewc } from './newc.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
console.info(`newc.test.ts: TPMDEV_SEED=${SEED}`);

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

test('writeNewc() writes the header fields of one file as the format documents them', () => {
  const archive = writeNewc([{ type: 'file', path: 'a', mode: 0o755, data: Buffer.from('xyz') }]);
  const fields = [1, 0o100755, 0, 0, 1, 0, 3, 0, 0, 0, 0, 2, 0]
    .map((value) => value.toString(16).toUpperCase().padStart(8, '0'))
    .join('');
  expect(text(archive.subarray(0, 112))).toBe(
    `070701${fields}a\0xyz\0`.padEnd(112, '\0').slice(0, 112),
  );
});

test('writeNewc() aligns names and contents to 4 bytes and the archive to 512', () => {
  const name = fc.stringMatching(/^[a-z]{1,20}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.uint8Array({ maxLength: 600 }))), (files) => {
      const archive = writeNewc(files.map(([path, data]) => ({ type: 'file', path, data })));
      expect(archive.length % 512).toBe(0);
      const read = readNewc(archive);
      expect(read.map(({ path, data }) => [path, Uint8Array.from(data)])).toEqual(
        files.map(([path, data]) => [path, Uint8Array.from(data)]),
      );
    }),
    { seed: SEED },
  );
});

test('writeNewc() writes folders, links and device nodes with their types and numbers', () => {
  const entries: ArchiveEntry[] = [
    { type: 'directory', path: 'dev' },
    { type: 'character-device', path: 'dev/console', major: 5, minor: 1 },
    { type: 'link', path: 'sh', target: 'busybox' },
  ];
  const [folder, node, link] = readNewc(writeNewc(entries));
  expect(folder).toMatchObject({ path: 'dev', mode: 0o040755 });
  expect(node).toMatchObject({ mode: 0o020600, deviceMajor: 5, deviceMinor: 1 });
  expect(link).toMatchObject({ mode: 0o120777 });
  expect(text(link?.data ?? new Uint8Array())).toBe('busybox');
});

test.each(['', '/etc/passwd', '../x', 'a/../../x', 'a\0b'])(
  'writeNewc() refuses the path %j',
  (path) => {
    expect(() => writeNewc([{ type: 'directory', path }])).toThrow(RangeError);
  },
);

test('readNewc() refuses an archive that is cut off', () => {
  const archive = writeNewc([{ type: 'file', path: 'a', data: new Uint8Array(1000) }]);
  expect(() => readNewc(archive.subarray(0, 600))).toThrow('Entry "a" is cut off');
  expect(() => readNewc(archive.subarray(4))).toThrow('No cpio header at offset 0');
});
