import { FirmwareInterfaceError } from './error.js';
import {
  DIGEST_SIZE,
  EVENT_TYPE,
  type EventLog,
  type EventLogAlgorithm,
  type EventLogEvent,
  HASH_ALGORITHM,
  PCR_COUNT,
  type SpecId,
} from './event-log-format.js';

/** Signatures of events of type EV_NO_ACTION: 16 bytes, filled with zeros. */
const SIGNATURE = {
  size: 16,
  specId: 'Spec ID Event03',
  startupLocality: 'StartupLocality',
} as const;
const SHA1: EventLogAlgorithm = { id: HASH_ALGORITHM['SHA-1'], digestSize: 20 };
/** Most banks of a log; more than the TCG Algorithm Registry has. */
const ALGORITHM_LIMIT = 32;

/** Reads little-endian fields; every failure names the record it happens in. */
class LogCursor {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  offset: number;
  /** For messages: the record that is being read. */
  record = 0;
  #recordOffset = 0;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.offset = offset;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.offset;
  }

  beginRecord(number: number): void {
    this.record = number;
    this.#recordOffset = this.offset;
  }

  take(length: number, what: string): Uint8Array {
    if (length > this.remaining) {
      this.fail(`${what} of ${length} bytes passes the end, ${this.remaining} bytes are left`);
    }
    const start = this.offset;
    this.offset += length;
    return this.#bytes.subarray(start, this.offset);
  }

  unsigned(size: number, what: string): number {
    return this.take(size, what).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  /** A cursor over bytes inside the record, which reports in the record's name. */
  within(bytes: Uint8Array): LogCursor {
    const cursor = new LogCursor(bytes);
    cursor.record = this.record;
    cursor.#recordOffset = this.#recordOffset;
    return cursor;
  }

  fail(problem: string): never {
    throw new FirmwareInterfaceError(
      'ERR_EVENT_LOG',
      `Event log is malformed in event ${this.record} at offset 0x${this.#recordOffset.toString(16)}: ${problem}; pass the whole log area, from its start`,
    );
  }
}

/** @returns whether an event's data starts with a signature */
function isSigned(data: Uint8Array, signature: string): boolean {
  if (data.length < SIGNATURE.size) return false;
  for (let index = 0; index < SIGNATURE.size; index++) {
    if (data[index] !== (index < signature.length ? signature.charCodeAt(index) : 0)) return false;
  }
  return true;
}

function readSpecId(cursor: LogCursor): SpecId {
  cursor.take(SIGNATURE.size, 'signature');
  const platformClass = cursor.unsigned(4, 'platform class');
  const versionMinor = cursor.unsigned(1, 'minor version');
  const versionMajor = cursor.unsigned(1, 'major version');
  const errata = cursor.unsigned(1, 'errata');
  const uintnSize = cursor.unsigned(1, 'size of UINTN');
  const count = cursor.unsigned(4, 'number of algorithms');
  if (count === 0 || count > ALGORITHM_LIMIT) {
    cursor.fail(`${count} algorithms in the Spec ID event, allowed 1 to ${ALGORITHM_LIMIT}`);
  }
  const algorithms: EventLogAlgorithm[] = [];
  for (let index = 0; index < count; index++) {
    const id = cursor.unsigned(2, 'algorithm');
    const digestSize = cursor.unsigned(2, 'digest size');
    if (digestSize === 0 || digestSize !== (DIGEST_SIZE.get(id) ?? digestSize)) {
      cursor.fail(`digests of algorithm 0x${id.toString(16)} have ${digestSize} bytes`);
    }
    if (algorithms.some((known) => known.id === id)) {
      cursor.fail(`algorithm 0x${id.toString(16)} is listed twice`);
    }
    algorithms.push({ id, digestSize });
  }
  const vendorInfo = cursor.take(
    cursor.unsigned(1, 'size of vendor information'),
    'vendor information',
  );
  return { platformClass, versionMajor, versionMinor, errata, uintnSize, algorithms, vendorInfo };
}

/** Digests of a TCG_PCR_EVENT2: one for each algorithm of the Spec ID event, in any order. */
function readDigests(
  cursor: LogCursor,
  algorithms: readonly EventLogAlgorithm[],
): Map<number, Uint8Array> {
  const count = cursor.unsigned(4, 'number of digests');
  if (count !== algorithms.length) {
    cursor.fail(`${count} digests, but the Spec ID event lists ${algorithms.length} algorithms`);
  }
  const digests = new Map<number, Uint8Array>();
  for (let index = 0; index < count; index++) {
    const id = cursor.unsigned(2, 'algorithm');
    const algorithm = algorithms.find((known) => known.id === id);
    if (algorithm === undefined || digests.has(id)) {
      cursor.fail(`digest of algorithm 0x${id.toString(16)} is there twice or not announced`);
    }
    digests.set(id, cursor.take(algorithm.digestSize, 'digest'));
  }
  return digests;
}

/** A TCG_PCR_EVENT2 where there is a Spec ID event before it, else a TCG_PCR_EVENT. */
function readEvent(cursor: LogCursor, number: number, specId: SpecId | undefined): EventLogEvent {
  const { offset } = cursor;
  cursor.beginRecord(number);
  const pcr = cursor.unsigned(4, 'PCR index');
  const type = cursor.unsigned(4, 'event type');
  const digests =
    specId === undefined
      ? new Map([[SHA1.id, cursor.take(SHA1.digestSize, 'digest')]])
      : readDigests(cursor, specId.algorithms);
  const data = cursor.take(cursor.unsigned(4, 'event size'), 'event data');
  // PCR index -1 marks what was never meant to be extended.
  if (pcr >= PCR_COUNT && type !== EVENT_TYPE.NO_ACTION) {
    cursor.fail(`PCR ${pcr}, a TPM has 0 to ${PCR_COUNT - 1}`);
  }
  return { number, offset, pcr, type, digests, data };
}

/** Length without the zeros behind the last record. */
function usedLength(bytes: Uint8Array): number {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length--;
  return length;
}

function localityOf({ pcr, type, data }: EventLogEvent): number | undefined {
  if (pcr !== 0 || type !== EVENT_TYPE.NO_ACTION) return undefined;
  if (!isSigned(data, SIGNATURE.startupLocality)) return undefined;
  return data[SIGNATURE.size];
}

/**
 * Reads an event log as firmware leaves it in the log area of the `TPM2` or `TCPA` table (TCG PC
 * Client Platform Firmware Profile, event logging; TCG PC Client Specific Implementation
 * Specification for TPM 1.2). The first event tells the format.
 *
 * The log ends where only zeros follow. Memory stays proportional to the log: events are views.
 *
 * @param bytes the log area, or the log alone
 * @throws FirmwareInterfaceError `ERR_EVENT_LOG` that names the event and what is wrong with it
 *
 * @example
 * const { format, events } = readEventLog(logArea);
 * for (const { pcr, type } of events) console.log(format, pcr, eventTypeName(type));
 */
export function readEventLog(bytes: Uint8Array): EventLog {
  const cursor = new LogCursor(bytes);
  const used = usedLength(bytes);
  const events: EventLogEvent[] = [];
  let specId: SpecId | undefined;
  let startupLocality: number | undefined;
  while (cursor.offset < used) {
    const event = readEvent(cursor, events.length, specId);
    events.push(event);
    const isFirst = event.number === 0 && event.type === EVENT_TYPE.NO_ACTION;
    if (isFirst && isSigned(event.data, SIGNATURE.specId)) {
      specId = readSpecId(cursor.within(event.data));
    }
    startupLocality ??= localityOf(event);
  }
  return {
    format: specId === undefined ? 'sha1' : 'crypto-agile',
    specId,
    algorithms: specId?.algorithms ?? [SHA1],
    events,
    startupLocality,
    length: cursor.offset,
  };
}
