import { createHash } from 'node:crypto';
import type { TpmVersion } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { HASHES } from '../test/event-log-hashes.js';
import {
  agileRecord,
  type MadeEvent,
  recordedLog,
  recordedPcrs,
  specIdRecord,
} from '../test/log-fixtures.js';
import { FirmwareInterfaceError } from './error.js';
import { compareEventLog, isDataMeasured } from './event-log-compare.js';
import { EVENT_TYPE, HASH_ALGORITHM } from './event-log-format.js';
import { readEventLog } from './event-log-reader.js';
import { type HashFunctions, type PcrBanks, replayEventLog } from './event-log-replay.js';

const SHA1 = HASH_ALGORITHM['SHA-1'];
const SHA256 = HASH_ALGORITHM['SHA-256'];
const sha256 = (...parts: Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return Uint8Array.from(hash.digest());
};
const only256: HashFunctions = new Map([[SHA256, async (data) => sha256(data)]]);
const VERSIONS: readonly TpmVersion[] = ['1.2', '2.0'];
/** PCR values as lines of text. */
const inHex = (banks: PcrBanks) =>
  [...banks].flatMap(([algorithm, pcrs]) =>
    [...pcrs].map(([pcr, value]) => `${algorithm} ${pcr} ${Buffer.from(value).toString('hex')}`),
  );
/** SeaBIOS measures the data of each of its events. */
const everything = { isDataMeasured: () => true };

/** A SHA-256 log of events whose digest is that of their data, or the given one. */
function made(
  ...events: (Partial<MadeEvent> & { readonly digest?: Uint8Array })[]
): ReturnType<typeof readEventLog> {
  const records = events.flatMap(
    ({ pcr = 0, type = EVENT_TYPE.ACTION, data = Uint8Array.of(1), digest }) =>
      agileRecord({ pcr, type, data, digests: new Map([[SHA256, digest ?? sha256(data)]]) }),
  );
  return readEventLog(Uint8Array.from([...specIdRecord([[SHA256, 32]]), ...records]));
}

describe('replayEventLog', () => {
  it.each(VERSIONS)(
    'replayEventLog() gives all PCRs that the TPM %s of that boot had',
    async (version) => {
      const log = readEventLog(recordedLog(version));
      expect(inHex(await replayEventLog(log, HASHES))).toEqual(inHex(recordedPcrs(version)));
    },
  );

  it('replayEventLog() leaves banks out that it has no hash function for', async () => {
    const log = readEventLog(recordedLog('2.0'));
    expect([...(await replayEventLog(log, only256)).keys()]).toEqual([SHA256]);
  });

  it.each([0, 3, 4])('replayEventLog() starts PCR 0 with startup locality %i', async (locality) => {
    const data = Uint8Array.from([...Buffer.from('StartupLocality\0'), locality]);
    const log = made({ type: EVENT_TYPE.NO_ACTION, data, digest: new Uint8Array(32) });
    const pcrs = (await replayEventLog(log, only256)).get(SHA256)!;
    expect([...pcrs.get(0)!]).toEqual([...new Array(31).fill(0), locality]);
    expect([...pcrs.get(1)!]).toEqual(new Array(32).fill(0));
    expect([16, 17, 22, 23].map((pcr) => pcrs.get(pcr)![0])).toEqual([0, 255, 255, 0]);
  });

  it('replayEventLog() extends by order and PCR and skips what is not extended', async () => {
    const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
    const log = made(
      { pcr: 3, data: a },
      { pcr: 3, type: EVENT_TYPE.NO_ACTION },
      { pcr: 3, data: b },
    );
    const pcrs = (await replayEventLog(log, only256)).get(SHA256)!;
    expect(pcrs.get(3)).toEqual(sha256(sha256(new Uint8Array(32), sha256(a)), sha256(b)));
  });

  it('replayEventLog() refuses a hash function of another algorithm', async () => {
    const log = readEventLog(recordedLog('1.2'));
    const wrong: HashFunctions = new Map([[SHA1, (data) => sha256(data)]]);
    await expect(replayEventLog(log, wrong)).rejects.toThrow(FirmwareInterfaceError);
    await expect(replayEventLog(log, wrong)).rejects.toThrow(
      'Hash function of SHA-1 gave 32 bytes, the log has digests of 20',
    );
  });
});

describe('compareEventLog', () => {
  it.each(VERSIONS)('compareEventLog() agrees with the TPM %s of the boot', async (version) => {
    const log = readEventLog(recordedLog(version));
    const banks = log.algorithms.map(({ id }) => id);
    for (const options of [{}, everything]) {
      expect(await compareEventLog(log, recordedPcrs(version), HASHES, options)).toEqual({
        agrees: true,
        comparedBanks: banks,
        uncomparedBanks: [],
        pcr: undefined,
        event: undefined,
      });
    }
  });

  it.each(VERSIONS)(
    'compareEventLog() names exactly the event of a TPM %s log whose digest was altered',
    async (version) => {
      const pcrs = recordedPcrs(version);
      const { events, algorithms } = readEventLog(recordedLog(version));
      const extended = events.filter(({ type }) => type !== EVENT_TYPE.NO_ACTION);
      expect(extended).toHaveLength(12);
      for (const { number, pcr } of extended) {
        for (const { id, digestSize } of algorithms) {
          const log = readEventLog(recordedLog(version));
          log.events[number]!.digests.get(id)![digestSize - 1]! ^= 1;
          expect(await compareEventLog(log, pcrs, HASHES, everything)).toMatchObject({
            agrees: false,
            pcr: { algorithm: id, pcr, actual: pcrs.get(id)!.get(pcr) },
            event: { algorithm: id, reason: 'digest-not-of-data', event: { number, pcr } },
          });
        }
      }
    },
  );

  it.each(VERSIONS)(
    'compareEventLog() names exactly the event of a TPM %s log whose data was altered',
    async (version) => {
      const { events } = readEventLog(recordedLog(version));
      for (const { number, pcr, type } of events) {
        if (type === EVENT_TYPE.NO_ACTION) continue;
        const log = readEventLog(recordedLog(version));
        log.events[number]!.data[0]! ^= 0x80;
        expect(await compareEventLog(log, recordedPcrs(version), HASHES, everything)).toMatchObject(
          {
            agrees: false,
            pcr: undefined,
            event: { reason: 'digest-not-of-data', event: { number, pcr } },
          },
        );
      }
    },
  );

  it.each(VERSIONS)(
    'compareEventLog() names the PCR of a TPM %s that differs, lowest first',
    async (version) => {
      const log = readEventLog(recordedLog(version));
      const pcrs = recordedPcrs(version);
      const { id } = log.algorithms.at(-1)!;
      pcrs.get(id)!.get(23)![0]! ^= 1;
      pcrs.get(id)!.get(9)![0]! ^= 1;
      const { agrees, pcr, event } = await compareEventLog(log, pcrs, HASHES);
      expect({ agrees, event }).toEqual({ agrees: false, event: undefined });
      expect(pcr).toMatchObject({ algorithm: id, pcr: 9 });
      expect(pcr!.replayed[0]).toBe(pcr!.actual[0]! ^ 1);
    },
  );

  it('compareEventLog() names the first of the events that were logged but not extended', async () => {
    const events = [1, 2, 3, 4].map((value) => ({
      pcr: value === 2 ? 5 : 4,
      data: Uint8Array.of(value),
    }));
    const whole = made(...events);
    const actual = await replayEventLog(made(...events.slice(0, 2)), only256);
    expect(await compareEventLog(whole, actual, only256)).toMatchObject({
      agrees: false,
      pcr: { algorithm: SHA256, pcr: 4 },
      event: { reason: 'not-extended', event: { number: 3 } },
    });
  });

  it('compareEventLog() can tell no event where the type says nothing of the digest', async () => {
    const digest = new Uint8Array(32).fill(9);
    const log = made({ pcr: 8, type: EVENT_TYPE.IPL, digest }, { pcr: 8, type: EVENT_TYPE.ACTION });
    const actual = await replayEventLog(made({ pcr: 8, type: EVENT_TYPE.ACTION }), only256);
    const comparison = await compareEventLog(log, actual, only256);
    expect(comparison.pcr?.pcr).toBe(8);
    expect(comparison.event).toBeUndefined();
    expect(isDataMeasured(log.events[1]!)).toBe(false);
  });

  it('compareEventLog() knows a separator that marks an error', async () => {
    const separator = { type: EVENT_TYPE.SEPARATOR, data: Buffer.from('no memory') };
    const log = made({ ...separator, digest: sha256(Uint8Array.of(1, 0, 0, 0)) });
    expect((await compareEventLog(log, await replayEventLog(log, only256), only256)).agrees).toBe(
      true,
    );
    const other = made({ ...separator, digest: sha256(Uint8Array.of(2, 0, 0, 0)) });
    const comparison = await compareEventLog(other, await replayEventLog(other, only256), only256);
    expect(comparison.event?.reason).toBe('digest-not-of-data');
  });

  it('compareEventLog() tells which banks it could not compare, and agrees with none of them', async () => {
    const log = readEventLog(recordedLog('2.0'));
    const pcrs = new Map([...recordedPcrs('2.0')].filter(([id]) => id !== 0x0d));
    pcrs.set(0x27, new Map());
    expect(await compareEventLog(log, pcrs, only256)).toMatchObject({
      agrees: true,
      comparedBanks: [0x0b],
      uncomparedBanks: [0x04, 0x0c, 0x0d, 0x27],
    });
    const none = await compareEventLog(log, pcrs, new Map());
    expect(none).toMatchObject({ agrees: false, comparedBanks: [], pcr: undefined });
  });
});
