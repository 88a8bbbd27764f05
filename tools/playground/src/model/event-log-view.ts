import { TpmdevError } from 'tpm-core';
import {
  compareEventLog,
  EVENT_TYPE,
  type EventLog,
  type EventLogComparison,
  type EventLogEvent,
  eventTypeName,
  HASH_ALGORITHM,
  type HashFunctions,
  hashAlgorithmName,
  type PcrBanks,
  readEventLog,
} from 'tpm-fwcfg-ppi/event-log';
import { hexadecimal, isPrintable } from './hexadecimal.js';

/** One event as it is shown. */
export interface EventRow {
  readonly number: number;
  /** PCR that was extended; `undefined` for an event that extends none. */
  readonly pcr: number | undefined;
  /** For example `EV_SEPARATOR`. */
  readonly type: string;
  /** Digest of the preferred bank in hexadecimal, lower case. */
  readonly digest: string;
  /** The event data for people. */
  readonly description: string;
  /** The whole event data. */
  readonly data: Uint8Array;
  /** Whether the check found this event to be wrong. */
  readonly isWrong: boolean;
}

/** What the check of the log against the PCRs says. */
export interface LogVerdict {
  /**
   * - `empty`: there is no log
   * - `malformed`: it can't be read
   * - `unknown`: there are no PCRs to compare with
   * - `agrees`: its replay gives the PCRs
   * - `differs`: it doesn't
   */
  readonly state: 'empty' | 'malformed' | 'unknown' | 'agrees' | 'differs';
  /** One sentence for people. */
  readonly text: string;
}

/** The event log as it is shown. */
export interface EventLogView {
  readonly verdict: LogVerdict;
  readonly rows: readonly EventRow[];
  /** Bytes that the log takes. */
  readonly length: number;
}

/** PCRs of the firmware: compared also where the log has no event of them. */
const FIRMWARE_PCR_COUNT = 8;
const DESCRIPTION_LIMIT = 96;
/** Share of printable characters from which on data is shown as text. */
const TEXT_SHARE = 0.75;

/** Text at the start of data that goes on with something else: signatures, for example. */
const LEADING_TEXT = 8;

/** Kinds of tagged events (TCG PC Client Implementation Specification for BIOS, EV_EVENT_TAG). */
const TAGGED_EVENTS: ReadonlyMap<number, string> = new Map([
  [1, 'SMBIOS structures'],
  [3, 'POST BIOS ROM strings'],
  [4, 'ESCD'],
  [5, 'CMOS'],
  [6, 'NVRAM'],
  [7, 'option ROM, executed'],
  [8, 'option ROM configuration'],
  [10, 'option ROM microcode update'],
  [11, 'S-CRTM version'],
  [12, 'S-CRTM contents'],
  [13, 'POST contents'],
]);
const TAGGED_EVENT_HEADER = 8;

/** @returns what the header of a tagged event says; `undefined` when there is none */
function describeTaggedEvent(data: Uint8Array): string | undefined {
  if (data.length < TAGGED_EVENT_HEADER) return undefined;
  const tag = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
  const rest = describeEventData(data.subarray(TAGGED_EVENT_HEADER));
  return `${TAGGED_EVENTS.get(tag) ?? `tag ${tag}`}: ${rest}`;
}

function printableStart(data: Uint8Array): string {
  const end = data.findIndex((byte) => !isPrintable(byte));
  return String.fromCharCode(
    ...data.subarray(0, Math.min(end < 0 ? data.length : end, DESCRIPTION_LIMIT)),
  );
}

/** @returns event data as text where it is some, else as hexadecimal digits; cut to one line */
export function describeEventData(data: Uint8Array): string {
  if (data.length === 0) return 'no data';
  let end = data.length;
  while (end > 0 && data[end - 1] === 0) end--;
  const content = data.subarray(0, end);
  const printable = content.reduce((count, byte) => count + (isPrintable(byte) ? 1 : 0), 0);
  const shown = content.subarray(0, DESCRIPTION_LIMIT);
  const rest = content.length > DESCRIPTION_LIMIT ? '…' : '';
  if (content.length > 0 && printable / content.length >= TEXT_SHARE) {
    const text = Array.from(shown, (byte) => (isPrintable(byte) ? String.fromCharCode(byte) : '·'));
    return `“${text.join('')}${rest}”`;
  }
  const start = printableStart(data);
  if (start.length >= LEADING_TEXT) return `“${start}”, then ${data.length - start.length} bytes`;
  const digits = hexadecimal(data.subarray(0, DESCRIPTION_LIMIT / 4));
  return `${digits}${data.length > DESCRIPTION_LIMIT / 4 ? '…' : ''} (${data.length} bytes)`;
}

/** PCRs that the log speaks for: those of the firmware, and any other that it has events of. */
function comparedPcrs(log: EventLog, banks: PcrBanks): PcrBanks {
  const measured = new Set(log.events.map(({ pcr }) => pcr));
  const isCompared = (pcr: number): boolean => pcr < FIRMWARE_PCR_COUNT || measured.has(pcr);
  return new Map(
    Array.from(banks, ([algorithm, pcrs]) => [
      algorithm,
      new Map(Array.from(pcrs).filter(([pcr]) => isCompared(pcr))),
    ]),
  );
}

function judge(comparison: EventLogComparison, log: EventLog): LogVerdict {
  const { agrees, comparedBanks, pcr, event } = comparison;
  if (agrees) {
    const banks = comparedBanks.map(hashAlgorithmName).join(', ');
    const count = log.events.filter(({ type }) => type !== EVENT_TYPE.NO_ACTION).length;
    return {
      state: 'agrees',
      text: `Replaying the ${count} measurements gives exactly the TPM’s PCRs (${banks})`,
    };
  }
  if (pcr !== undefined) {
    const cause =
      event === undefined ? '' : `; event ${event.event.number} is the first that doesn’t fit`;
    return {
      state: 'differs',
      text: `PCR ${pcr.pcr} (${hashAlgorithmName(pcr.algorithm)}) isn’t what the log leads to${cause}: it was extended without a log entry, or the log was changed`,
    };
  }
  if (event !== undefined) {
    return {
      state: 'differs',
      text: `The data of event ${event.event.number} isn’t what its digest was made of`,
    };
  }
  return { state: 'unknown', text: 'No bank of the log is one of the TPM’s' };
}

function viewEvent(event: EventLogEvent, algorithm: number, wrong: number | undefined): EventRow {
  const { number, pcr, type, data } = event;
  const digest = event.digests.get(algorithm) ?? [...event.digests.values()][0];
  return {
    number,
    pcr: type === EVENT_TYPE.NO_ACTION ? undefined : pcr,
    type: eventTypeName(type),
    digest: digest === undefined ? '' : hexadecimal(digest),
    description:
      (type === EVENT_TYPE.EVENT_TAG ? describeTaggedEvent(data) : undefined) ??
      describeEventData(data),
    data,
    isWrong: number === wrong,
  };
}

function nothing(state: 'empty' | 'malformed', text: string): EventLogView {
  return { verdict: { state, text }, rows: [], length: 0 };
}

/**
 * Reads the log and replays it.
 *
 * @param bytes the log area; `undefined` when firmware gave it no place yet
 * @param banks the TPM's PCRs; `undefined` when they can't be read
 * @param hashes hash functions by TPM_ALG_ID
 */
export async function viewEventLog(
  bytes: Uint8Array | undefined,
  banks: PcrBanks | undefined,
  hashes: HashFunctions,
): Promise<EventLogView> {
  let log: EventLog;
  try {
    log = readEventLog(bytes ?? new Uint8Array(0));
  } catch (error) {
    if (!TpmdevError.isInstance(error)) throw error;
    return nothing('malformed', error.message);
  }
  if (log.events.length === 0) return nothing('empty', 'The firmware has not logged anything yet');
  const preferred = log.algorithms.find(({ id }) => id === HASH_ALGORITHM['SHA-256']);
  const algorithm = preferred?.id ?? log.algorithms[0]?.id ?? HASH_ALGORITHM['SHA-1'];
  const comparison =
    banks === undefined ? undefined : await compareEventLog(log, comparedPcrs(log, banks), hashes);
  const verdict: LogVerdict =
    comparison === undefined
      ? { state: 'unknown', text: 'The PCRs can’t be read at the moment' }
      : judge(comparison, log);
  const wrong = comparison?.event?.event.number;
  return {
    verdict,
    rows: log.events.map((event) => viewEvent(event, algorithm, wrong)),
    length: log.length,
  };
}
