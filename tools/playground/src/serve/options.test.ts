import { describe, expect, it } from 'vitest';
import { readOptions, UsageError } from './options.ts';

describe('readOptions()', () => {
  it('readOptions() takes a port, and leaves it open when none is given', () => {
    expect(readOptions([])).toEqual({ port: undefined, help: false, debug: false });
    expect(readOptions(['--port', '8080'])).toMatchObject({ port: 8080 });
    expect(readOptions(['--port=0', '--debug'])).toMatchObject({ port: 0, debug: true });
    expect(readOptions(['-h'])).toMatchObject({ help: true });
  });

  it.each([
    [['--port', 'http'], 'Option --port is "http"; give a number from 0 to 65535'],
    [['--port', '65536'], 'Option --port is "65536"; give a number from 0 to 65535'],
    [['--port=-1'], 'Option --port is "-1"; give a number from 0 to 65535'],
    [['--prot', '1'], /^Unknown option '--prot'; see npm run playground -- --help$/],
    [['surplus'], /^Unexpected argument 'surplus'[^\n]*; see npm run playground -- --help$/],
  ])('readOptions(%j) says in one line what is wrong', (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
    expect(() => readOptions(args)).toThrow(UsageError);
  });
});
