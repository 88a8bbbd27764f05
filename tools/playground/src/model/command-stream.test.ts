import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommandStream, filterExchanges } from './command-stream.js';

const STARTUP = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0);
const PCR_READ = Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x7e);
const SUCCESS = Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0);
const INITIALIZE = Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0);

describe('CommandStream', () => {
  it('CommandStream pairs a command with its response, names both and measures the time', () => {
    const stream = new CommandStream();
    stream.command(STARTUP, 0, 100);
    expect(stream.exchanges[0]).toMatchObject({ name: 'TPM2_Startup', answer: undefined });
    const exchange = stream.response(INITIALIZE, 102.5);
    expect(exchange).toMatchObject({
      number: 1,
      locality: 0,
      answer: { name: 'TPM_RC_INITIALIZE', isSuccess: false, duration: 2.5 },
    });
    expect(stream.exchanges).toEqual([exchange]);
  });

  it('CommandStream copies the bytes, which are valid during the call only', () => {
    const stream = new CommandStream();
    const bytes = STARTUP.slice();
    stream.command(bytes, 0, 0);
    bytes.fill(0xff);
    expect(stream.exchanges[0]?.command).toEqual(STARTUP);
  });

  it('CommandStream keeps a bounded number of exchanges and of bytes, whatever comes', () => {
    const step = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ type: 'command' as const, bytes })),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ type: 'response' as const, bytes })),
      fc.constant({ type: 'clear' as const }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const stream = new CommandStream(5, 12);
        let commands = 0;
        for (const { type, ...rest } of steps) {
          if (type === 'clear') stream.clear();
          else if (type === 'command') {
            commands++;
            stream.command((rest as { bytes: Uint8Array }).bytes, 0, 0);
          } else stream.response((rest as { bytes: Uint8Array }).bytes, 0);
          expect(stream.exchanges.length).toBeLessThanOrEqual(5);
          for (const { command, answer } of stream.exchanges) {
            expect(command.length).toBeLessThanOrEqual(12);
            expect(answer?.response.length ?? 0).toBeLessThanOrEqual(12);
          }
        }
        expect(stream.count).toBe(commands);
      }),
    );
  });

  it('CommandStream.response() ignores a response without a command', () => {
    const stream = new CommandStream();
    expect(stream.response(SUCCESS, 0)).toBeUndefined();
    stream.command(STARTUP, 0, 0);
    stream.response(SUCCESS, 1);
    expect(stream.response(INITIALIZE, 2)).toBeUndefined();
    expect(stream.exchanges[0]?.answer?.name).toBe('TPM_RC_SUCCESS');
  });

  it('CommandStream.clear() forgets exchanges and goes on counting', () => {
    const stream = new CommandStream();
    stream.command(STARTUP, 0, 0);
    const { revision } = stream;
    stream.clear();
    expect(stream.revision).toBeGreaterThan(revision);
    expect(stream.response(SUCCESS, 1)).toBeUndefined();
    stream.command(PCR_READ, 0, 2);
    expect(stream.exchanges.map(({ number }) => number)).toEqual([2]);
  });
});

describe('filterExchanges()', () => {
  it.each([
    ['', [1, 2]],
    [' startup ', [1]],
    ['INITIALIZE', [2]],
    ['nothing', []],
  ])('filterExchanges() finds %j in names of commands and response codes', (text, numbers) => {
    const stream = new CommandStream();
    stream.command(STARTUP, 0, 0);
    stream.response(SUCCESS, 0);
    stream.command(PCR_READ, 0, 0);
    stream.response(INITIALIZE, 0);
    expect(filterExchanges(stream.exchanges, text).map(({ number }) => number)).toEqual(numbers);
  });
});
