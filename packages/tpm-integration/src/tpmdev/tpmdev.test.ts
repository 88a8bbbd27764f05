import { afterEach, describe, expect, test, vi } from 'vitest';
import { runTpmdev } from './tpmdev.js';

afterEach(() => void vi.restoreAllMocks());

/** @returns how the command ends: exit code, and what it wrote to both streams */
async function endOf(...words: string[]) {
  const written = { out: '', err: '' };
  const capture = (name: 'out' | 'err') => (text: string | Uint8Array) => {
    written[name] += String(text);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(capture('out'));
  vi.spyOn(process.stderr, 'write').mockImplementation(capture('err'));
  const code = await runTpmdev(words);
  vi.restoreAllMocks();
  return { code, ...written };
}

describe('runTpmdev()', () => {
  test.each<[string[], string]>([
    [[], 'no command given; see tpmdev --help'],
    [['sevre'], "unknown command 'sevre'; see tpmdev --help"],
    [['--bogus'], "unknown option '--bogus'"],
    [['serve'], "required option '--tcp <port>' not specified"],
    [['serve', '--tcp'], "option '--tcp <port>' argument missing"],
    [
      ['serve', '--tcp', '-1'],
      "option '--tcp <port>' argument '-1' is invalid. Give a number from 0 to 65534.",
    ],
    [
      ['serve', '--tcp', '65535'],
      "option '--tcp <port>' argument '65535' is invalid. Give a number from 0 to 65534.",
    ],
    [
      ['serve', '--tcp', '0', '--state', ''],
      "option '--state <dir>' argument '' is invalid. Give a directory.",
    ],
    [
      ['serve', '--tcp', '0', '--host', ''],
      "option '--host <address>' argument '' is invalid. Give an address, for example 127.0.0.1.",
    ],
    [
      ['serve', '--tcp', '0', 'more'],
      "too many arguments for 'serve'. Expected 0 arguments but got 1.",
    ],
  ])('refuses %j with 2 and one line', async (words, message) => {
    expect(await endOf(...words)).toEqual({ code: 2, out: '', err: `tpmdev: ${message}\n` });
  });

  test('names the kinds of back end when it refuses one', async () => {
    const { code, err } = await endOf('serve', '--tcp', '0', '--backend', 'foo');
    expect(code).toBe(2);
    expect(err).toMatch(
      /^tpmdev: option '--backend <kind>' argument 'foo' is invalid\. Allowed choices are .*swtpm\.\n$/,
    );
  });

  test('ends with 0 after a text that was asked for', async () => {
    expect(await endOf('--version')).toEqual({
      code: 0,
      out: expect.stringMatching(/^tpm-integration \d+\.\d+\.\d+\n$/),
      err: '',
    });
    const { code, out, err } = await endOf('serve', '--help');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('--tcp <port>');
  });
});
