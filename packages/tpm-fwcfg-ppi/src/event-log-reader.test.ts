import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  agileRecord,
  latin1,
  recordedLog,
  sha1Record,
  specIdRecord,
} from '../test/log-fixtures.js';
import { FirmwareInterfaceError } from './error.js';
import {
  EVENT_TYPE,
  eventTypeName,
  HASH_ALGORITHM,
  hashAlgorithmName,
} from './event-log-format.js';
import { readEventLog } from './event-log-reader.js';

const SHA1 = HASH_ALGORITHM['SHA-1'];
const SHA256 = HASH_ALGORITHM['SHA-256'];
const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);

/** A crypto-agile log with one SHA-256 event behind the Spec ID event. */
function agileLog(event: { pcr?: number; type?: number; data?: Uint8Array } = {}): number[] {
  const { pcr = 0, type = EVENT_TYPE.ACTION, data = Uint8Array.of(1, 2) } = event;
  const digests = new Map([[SHA256, new Uint8Array(32).fill(7)]]);
  return [...specIdRecord([[SHA256, 32]]), ...agileRecord({ pcr, type, data, digests })];
}

describe('readEventLog', () => {
  it('readEventLog() reads the SHA-1 log that SeaBIOS wrote for a TPM 1.2', () => {
    const log = readEventLog(recordedLog('1.2'));
    expect(log).toMatchObject({
      format: 'sha1',
      specId: undefined,
      startupLocality: undefined,
      length: 512,
      algorithms: [{ id: SHA1, digestSize: 20 }],
    });
    const types = log.events.map(({ pcr, type }) => `${pcr} ${eventTypeName(type)}`);
    expect(types).toEqual([
      ...['1 EV_EVENT_TAG', '2 EV_ACTION', '2 EV_EVENT_TAG', '4 EV_ACTION'],
      ...[0, 1, 2, 3, 4, 5, 6, 7].map((pcr) => `${pcr} EV_SEPARATOR`),
    ]);
    expect(text(log.events[3]!.data)).toBe('Calling INT 19h');
    expect(log.events[1]).toMatchObject({ number: 1, offset: 0x3c });
  });

  it('readEventLog() reads the crypto-agile log that SeaBIOS wrote for a TPM 2.0', () => {
    const log = readEventLog(recordedLog('2.0'));
    expect(log.format).toBe('crypto-agile');
    expect(log.specId).toEqual({
      platformClass: 0,
      versionMajor: 2,
      versionMinor: 0,
      errata: 2,
      uintnSize: 2,
      algorithms: [
        { id: 0x04, digestSize: 20 },
        { id: 0x0b, digestSize: 32 },
        { id: 0x0c, digestSize: 48 },
        { id: 0x0d, digestSize: 64 },
      ],
      vendorInfo: new Uint8Array(0),
    });
    expect(log.algorithms).toBe(log.specId?.algorithms);
    expect(log.events).toHaveLength(13);
    expect(log.events[2]!.digests.get(0x0d)).toHaveLength(64);
    expect(text(log.events[4]!.data)).toBe('Calling INT 19h');
    expect(log.length).toBe(0x8dd + 0xc0);
  });

  it('readEventLog() finds no event in an empty log area', () => {
    for (const length of [0, 65536]) {
      const log = readEventLog(new Uint8Array(length));
      expect(log).toMatchObject({ format: 'sha1', events: [], length: 0 });
    }
  });

  it('readEventLog() keeps zeros at the end of the last event, with an area of any length', () => {
    const bytes = sha1Record(
      4,
      EVENT_TYPE.SEPARATOR,
      new Uint8Array(20).fill(1),
      new Uint8Array(4),
    );
    for (const area of [bytes, [...bytes, ...new Array(100).fill(0)]]) {
      const log = readEventLog(Uint8Array.from(area));
      expect(log.length).toBe(bytes.length);
      expect(log.events).toHaveLength(1);
      expect(log.events[0]!.data).toEqual(new Uint8Array(4));
    }
  });

  it('readEventLog() makes views into the log, not copies', () => {
    const bytes = recordedLog('2.0');
    const { events } = readEventLog(bytes);
    for (const { data, digests } of events) {
      expect(data.buffer).toBe(bytes.buffer);
      for (const digest of digests.values()) expect(digest.buffer).toBe(bytes.buffer);
    }
  });

  it.each([
    ['StartupLocality\0\x03', 0, EVENT_TYPE.NO_ACTION, 3],
    ['StartupLocality\0\x04', 0, EVENT_TYPE.NO_ACTION, 4],
    ['StartupLocality\0', 0, EVENT_TYPE.NO_ACTION, undefined],
    ['StartupLocality', 0, EVENT_TYPE.NO_ACTION, undefined],
    ['startuplocality\0\x03', 0, EVENT_TYPE.NO_ACTION, undefined],
    ['StartupLocality\0\x03', 1, EVENT_TYPE.NO_ACTION, undefined],
    ['StartupLocality\0\x03', 0, EVENT_TYPE.ACTION, undefined],
  ])(
    'readEventLog() finds in %j in PCR %i, type %i, startup locality %s',
    (data, pcr, type, locality) => {
      const bytes = agileLog({ pcr, type, data: latin1(data) });
      expect(readEventLog(Uint8Array.from(bytes)).startupLocality).toBe(locality);
    },
  );

  it('readEventLog() takes a Spec ID event for one at the start only', () => {
    const events = [
      ...sha1Record(0, EVENT_TYPE.ACTION, new Uint8Array(20).fill(1), Uint8Array.of(1)),
      ...specIdRecord([[SHA256, 32]]),
    ];
    expect(readEventLog(Uint8Array.from(events))).toMatchObject({
      format: 'sha1',
      specId: undefined,
    });
    expect(readEventLog(Uint8Array.from(agileLog())).specId?.vendorInfo).toEqual(
      Uint8Array.of(7, 8, 9),
    );
  });

  it('readEventLog() accepts PCR -1 of an event that is not extended', () => {
    const bytes = agileLog({ pcr: 0xffff_ffff, type: EVENT_TYPE.NO_ACTION });
    expect(readEventLog(Uint8Array.from(bytes)).events[1]!.pcr).toBe(0xffff_ffff);
  });

  const oneDigest = new Map([[SHA256, new Uint8Array(32)]]);
  const twoDigests = new Map([...oneDigest, [SHA1, new Uint8Array(20)]]);
  const action = { pcr: 0, type: 5, data: Uint8Array.of(1) };
  it.each([
    ['a cut record', recordedLog('1.2').slice(0, 500), 'in event 11 at offset 0x1dc'],
    [
      'an event beyond the end',
      sha1Record(0, 5, new Uint8Array(20), Uint8Array.of(1)).slice(0, -1),
      'event data of 1 bytes passes the end, 0 bytes are left',
    ],
    ['a PCR of 24', agileLog({ pcr: 24 }), 'event 1 at offset 0x44: PCR 24, a TPM has 0 to 23'],
    ['no algorithms', specIdRecord([]), '0 algorithms in the Spec ID event'],
    [
      '33 algorithms',
      specIdRecord(Array.from({ length: 33 }, (_, id) => [0x100 + id, 4])),
      '33 algorithms',
    ],
    [
      'an algorithm twice',
      specIdRecord([
        [SHA1, 20],
        [SHA1, 20],
      ]),
      'algorithm 0x4 is listed twice',
    ],
    ['SHA-256 of 20 bytes', specIdRecord([[SHA256, 20]]), 'digests of algorithm 0xb have 20 bytes'],
    ['empty digests', specIdRecord([[0x99, 0]]), 'digests of algorithm 0x99 have 0 bytes'],
    [
      'too few digests',
      [
        ...specIdRecord([
          [SHA1, 20],
          [SHA256, 32],
        ]),
        ...agileRecord({ ...action, digests: oneDigest }),
      ],
      '1 digests, but the Spec ID event lists 2',
    ],
    [
      'too many digests',
      [...specIdRecord([[SHA256, 32]]), ...agileRecord({ ...action, digests: twoDigests })],
      '2 digests, but the Spec ID event lists 1',
    ],
    [
      'an unknown digest',
      [...specIdRecord([[SHA1, 20]]), ...agileRecord({ ...action, digests: oneDigest })],
      'digest of algorithm 0xb is there twice or not announced',
    ],
    [
      'a cut Spec ID event',
      sha1Record(0, 3, new Uint8Array(20), latin1('Spec ID Event03\0\0')),
      'in event 0 at offset 0x0: platform class of 4 bytes passes the end',
    ],
  ])('readEventLog() refuses %s and names it', (_what, bytes, message) => {
    const read = () => readEventLog(Uint8Array.from(bytes));
    expect(read).toThrow(FirmwareInterfaceError);
    expect(read).toThrow(message);
  });

  it('readEventLog() of a mutated log ends in a log or in an error of this package', () => {
    const logs = [recordedLog('1.2').slice(0, 600), recordedLog('2.0').slice(0, 2600)];
    const mutation = fc.record({
      offset: fc.nat(2600),
      bytes: fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        fc.constant(Uint8Array.of(255, 255, 255, 255)),
      ),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...logs),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.nat(2600),
        (original, mutations, end) => {
          const bytes = original.slice(0, Math.max(end, original.length - end));
          for (const { offset, bytes: piece } of mutations) {
            for (const [index, byte] of piece.entries()) bytes[offset + index] = byte;
          }
          try {
            const log = readEventLog(bytes);
            expect(log.length).toBeLessThanOrEqual(bytes.length);
            expect(32 * log.events.length).toBeLessThanOrEqual(bytes.length + 32);
            for (const { data } of log.events) expect(data.buffer).toBe(bytes.buffer);
          } catch (error) {
            expect(error).toBeInstanceOf(FirmwareInterfaceError);
            expect((error as FirmwareInterfaceError).code).toBe('ERR_EVENT_LOG');
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('eventTypeName', () => {
  it('eventTypeName() and hashAlgorithmName() name the known and print the unknown', () => {
    expect(eventTypeName(0x8000_0007)).toBe('EV_EFI_ACTION');
    expect(eventTypeName(0x1234)).toBe('event type 0x00001234');
    expect(hashAlgorithmName(0x0b)).toBe('SHA-256');
    expect(hashAlgorithmName(0x99)).toBe('algorithm 0x0099');
  });
});
