import { fixtureBytes, fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex } from '@tpmdev/testing/scripted-backend';
import { HASH_ALGORITHM, type PcrBanks } from 'tpm-fwcfg-ppi/event-log';
import { describe, expect, it } from 'vitest';
import { BROWSER_HASHES } from '../app/hashes.js';
import { describeEventData, viewEventLog } from './event-log-view.js';

const SHA256 = HASH_ALGORITHM['SHA-256'];
const LOG = await fixtureBytes(
  new URL('../../fixtures/event-log-seabios-tpm20.bin.gz', import.meta.url),
);
const RECORDED = await fixtureJson<{ '2.0': Record<string, string[]> }>(
  new URL('../../fixtures/pcrs-seabios.json', import.meta.url),
);

/** The recorded PCRs, with changed values of some in the SHA-256 bank. */
function pcrs(changed: readonly number[] = []): PcrBanks {
  return new Map(
    Object.entries(RECORDED['2.0']).map(([algorithm, values]) => [
      Number(algorithm),
      new Map(
        values.map((hex, pcr): [number, Uint8Array] => {
          const isChanged = Number(algorithm) === SHA256 && changed.includes(pcr);
          return [pcr, isChanged ? new Uint8Array(32).fill(9) : fromHex(hex)];
        }),
      ),
    ]),
  );
}

describe('viewEventLog()', () => {
  it('viewEventLog() finds that SeaBIOS’s log leads to the TPM’s PCRs', async () => {
    const view = await viewEventLog(LOG, pcrs(), BROWSER_HASHES);
    expect(view.verdict.state).toBe('agrees');
    expect(view.verdict.text).toContain('SHA-1, SHA-256, SHA-384, SHA-512');
    expect(view.rows[0]).toMatchObject({ pcr: undefined, type: 'EV_NO_ACTION' });
    expect(view.rows[0]?.description).toContain('Spec ID Event03');
    const descriptions = view.rows.map(({ description }) => description);
    expect(descriptions).toContain('“Calling INT 19h”');
    expect(descriptions.some((text) => text.startsWith('SMBIOS structures: '))).toBe(true);
    expect(view.rows.every(({ isWrong }) => !isWrong)).toBe(true);
    expect(view.length).toBeGreaterThan(500);
  });

  it('viewEventLog() lets an operating system extend PCRs that the log has no event of', async () => {
    const view = await viewEventLog(LOG, pcrs([8, 10, 16]), BROWSER_HASHES);
    expect(view.verdict.state).toBe('agrees');
  });

  it.each([0, 3, 7])(
    'viewEventLog() names PCR %i when it was extended without an entry',
    async (pcr) => {
      const { verdict } = await viewEventLog(LOG, pcrs([pcr]), BROWSER_HASHES);
      expect(verdict.state).toBe('differs');
      expect(verdict.text).toContain(`PCR ${pcr} (SHA-256)`);
    },
  );

  it('viewEventLog() marks the event whose data was changed', async () => {
    const log = LOG.slice();
    const text = new TextEncoder().encode('Calling INT 19h');
    const at = log.findIndex((_, offset) =>
      text.every((byte, index) => log[offset + index] === byte),
    );
    expect(at).toBeGreaterThan(0);
    log[at] = 0x63;
    const { verdict, rows } = await viewEventLog(log, pcrs(), BROWSER_HASHES);
    expect(verdict.state).toBe('differs');
    const wrong = rows.filter(({ isWrong }) => isWrong);
    expect(wrong.map(({ description }) => description)).toEqual(['“calling INT 19h”']);
    expect(verdict.text).toContain(`event ${wrong[0]?.number} `);
  });

  it.each([
    ['there is no log yet', undefined],
    ['the log area holds zeros', new Uint8Array(4096)],
  ])('viewEventLog() is empty when %s', async (_case, bytes) => {
    const { verdict, rows } = await viewEventLog(bytes, pcrs(), BROWSER_HASHES);
    expect(verdict.state).toBe('empty');
    expect(rows).toEqual([]);
  });

  it('viewEventLog() says what is malformed, and what it can’t check', async () => {
    const malformed = await viewEventLog(new Uint8Array(40).fill(1), pcrs(), BROWSER_HASHES);
    expect(malformed.verdict.state).toBe('malformed');
    expect(malformed.verdict.text).toMatch(/event 0/);
    const unknown = await viewEventLog(LOG, undefined, BROWSER_HASHES);
    expect(unknown.verdict.state).toBe('unknown');
    expect(unknown.rows.length).toBeGreaterThan(5);
  });
});

describe('describeEventData()', () => {
  it.each([
    [[], 'no data'],
    [[0x41, 0x42, 0], '“AB”'],
    [[0xff, 0xff, 0xff, 0xff], 'ffffffff (4 bytes)'],
    [[...new TextEncoder().encode('Signature'), 0, 1, 2, 3, 4, 5, 6], '“Signature”, then 7 bytes'],
  ])('describeEventData(%j) is %s', (bytes, text) => {
    expect(describeEventData(Uint8Array.from(bytes))).toBe(text);
  });

  it('describeEventData() is one short line for any data, without control characters', () => {
    const long = describeEventData(new Uint8Array(100_000).fill(0x41));
    expect(long.length).toBeLessThan(110);
    const mixed = describeEventData(Uint8Array.from([...Array(9).fill(0x41), 0x1b, 0x41]));
    expect(mixed).not.toMatch(/\p{Cc}/u);
  });
});
