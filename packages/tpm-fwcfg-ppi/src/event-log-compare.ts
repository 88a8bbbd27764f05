import {
  EVENT_TYPE,
  type EventLog,
  type EventLogAlgorithm,
  type EventLogEvent,
} from './event-log-format.js';
import {
  digestOf,
  extendPcr,
  type HashFunction,
  type HashFunctions,
  initialPcr,
  type PcrBanks,
  replayEventLog,
} from './event-log-replay.js';

/** A PCR that holds something else than the log leads to. */
export interface PcrMismatch {
  /** TPM_ALG_ID of the bank. */
  readonly algorithm: number;
  readonly pcr: number;
  /** Value that the log leads to. */
  readonly replayed: Uint8Array;
  /** Value of the TPM. */
  readonly actual: Uint8Array;
}

/** An event that can't be what was measured. */
export interface EventMismatch {
  readonly event: EventLogEvent;
  /** TPM_ALG_ID of the bank in which it shows. */
  readonly algorithm: number;
  /**
   * - `'digest-not-of-data'`: the digest isn't that of the event data, which it is by the event type
   * - `'not-extended'`: the PCR holds the value from before this event, so this one and all further
   *   ones of this PCR were never extended
   */
  readonly reason: 'digest-not-of-data' | 'not-extended';
}

/** What {@link compareEventLog} found. */
export interface EventLogComparison {
  /** At least one bank was compared and nothing contradicts. */
  readonly agrees: boolean;
  /** Banks (TPM_ALG_ID) that were compared. */
  readonly comparedBanks: readonly number[];
  /** Banks of the log or of the TPM that were not: the other one or a hash function is missing. */
  readonly uncomparedBanks: readonly number[];
  /** The first PCR that differs: by the order of banks in the log, then by PCR. */
  readonly pcr: PcrMismatch | undefined;
  /**
   * The first wrong event: of that PCR, if the log itself can tell; or, where all PCRs agree, of
   * the log, which means that data was changed which nothing measures but its digest.
   */
  readonly event: EventMismatch | undefined;
}

/** How {@link compareEventLog} compares. */
export interface CompareEventLogOptions {
  /** Which events carry the measured data, instead of {@link isDataMeasured}. */
  readonly isDataMeasured?: ((event: EventLogEvent) => boolean) | undefined;
}

const MEASURED_DATA_TYPES: ReadonlySet<number> = new Set([
  EVENT_TYPE.SEPARATOR,
  EVENT_TYPE.ACTION,
  EVENT_TYPE.S_CRTM_VERSION,
  EVENT_TYPE.OMIT_BOOT_DEVICE_EVENTS,
  EVENT_TYPE.EFI_VARIABLE_DRIVER_CONFIG,
  EVENT_TYPE.EFI_GPT_EVENT,
  EVENT_TYPE.EFI_ACTION,
]);

/** What is measured when a separator marks an error; the event data describes it then. */
const ERROR_SEPARATOR = Uint8Array.of(1, 0, 0, 0);

/**
 * Whether an event's digest is that of its data, by its type (TCG PC Client Platform Firmware
 * Profile): separators, actions, the S-CRTM version, driver configuration variables and partition
 * tables. Other types describe what was measured, or are used in both ways (EV_EVENT_TAG: SeaBIOS
 * measures the data, some boot loaders don't).
 */
export function isDataMeasured({ type }: EventLogEvent): boolean {
  return MEASURED_DATA_TYPES.has(type);
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** One bank while it is compared. */
interface Bank {
  readonly log: EventLog;
  readonly algorithm: EventLogAlgorithm;
  readonly hash: HashFunction;
  readonly isDataMeasured: (event: EventLogEvent) => boolean;
}

/** @returns whether an event's digest is one that its data can have */
async function isConsistent(bank: Bank, event: EventLogEvent): Promise<boolean> {
  const { algorithm, hash } = bank;
  if (event.type === EVENT_TYPE.NO_ACTION || !bank.isDataMeasured(event)) return true;
  const digest = event.digests.get(algorithm.id)!;
  if (areEqual(await digestOf(hash, event.data, algorithm), digest)) return true;
  if (event.type !== EVENT_TYPE.SEPARATOR) return false;
  return areEqual(await digestOf(hash, ERROR_SEPARATOR, algorithm), digest);
}

async function findInconsistent(
  bank: Bank,
  events: readonly EventLogEvent[],
): Promise<EventMismatch | undefined> {
  for (const event of events) {
    if (!(await isConsistent(bank, event))) {
      return { event, algorithm: bank.algorithm.id, reason: 'digest-not-of-data' };
    }
  }
  return undefined;
}

/** @returns the first event of a PCR that was not extended any more, if that explains the value */
async function findNotExtended(
  { log, algorithm, hash }: Bank,
  events: readonly EventLogEvent[],
  { pcr, actual }: PcrMismatch,
): Promise<EventMismatch | undefined> {
  let value = initialPcr(log, pcr, algorithm.digestSize);
  for (const event of events) {
    if (areEqual(value, actual)) return { event, algorithm: algorithm.id, reason: 'not-extended' };
    value = await extendPcr(hash, value, event.digests.get(algorithm.id)!, algorithm);
  }
  return undefined;
}

async function findEvent(bank: Bank, mismatch: PcrMismatch): Promise<EventMismatch | undefined> {
  const events = bank.log.events.filter(
    ({ pcr, type }) => pcr === mismatch.pcr && type !== EVENT_TYPE.NO_ACTION,
  );
  const inconsistent = await findInconsistent(bank, events);
  return inconsistent ?? (await findNotExtended(bank, events, mismatch));
}

function findPcr(
  algorithm: number,
  replayed: ReadonlyMap<number, Uint8Array>,
  actual: ReadonlyMap<number, Uint8Array>,
): PcrMismatch | undefined {
  for (const [pcr, value] of replayed) {
    const present = actual.get(pcr);
    if (present !== undefined && !areEqual(value, present)) {
      return { algorithm, pcr, replayed: value, actual: present };
    }
  }
  return undefined;
}

/**
 * Compares an event log with the PCRs of a TPM and names what disagrees first.
 *
 * @param pcrs PCRs of the TPM, for example of {@link readPcrs}; PCRs that are missing are not
 *   compared. They have to be of the moment at which the log ended.
 * @param hashes hash functions by TPM_ALG_ID
 * @throws FirmwareInterfaceError `ERR_EVENT_LOG` when a hash function has the wrong digest size
 *
 * @example
 * const { agrees, pcr, event } = await compareEventLog(log, pcrs, hashes);
 * if (!agrees) console.log(`PCR ${pcr?.pcr}, event ${event?.event.number}: ${event?.reason}`);
 */
export async function compareEventLog(
  log: EventLog,
  pcrs: PcrBanks,
  hashes: HashFunctions,
  options: CompareEventLogOptions = {},
): Promise<EventLogComparison> {
  const replayed = await replayEventLog(log, hashes);
  const banks: Bank[] = [];
  for (const algorithm of log.algorithms) {
    const hash = hashes.get(algorithm.id);
    if (hash === undefined || !pcrs.has(algorithm.id)) continue;
    banks.push({
      log,
      algorithm,
      hash,
      isDataMeasured: options.isDataMeasured ?? isDataMeasured,
    });
  }
  let pcr: PcrMismatch | undefined;
  let event: EventMismatch | undefined;
  for (const bank of banks) {
    const { id } = bank.algorithm;
    pcr = findPcr(id, replayed.get(id)!, pcrs.get(id)!);
    if (pcr === undefined) continue;
    event = await findEvent(bank, pcr);
    break;
  }
  if (pcr === undefined) {
    for (const bank of banks) event ??= await findInconsistent(bank, log.events);
  }
  const comparedBanks = banks.map(({ algorithm }) => algorithm.id);
  const all = new Set([...log.algorithms.map(({ id }) => id), ...pcrs.keys()]);
  return {
    agrees: banks.length > 0 && pcr === undefined && event === undefined,
    comparedBanks,
    uncomparedBanks: [...all].filter((id) => !comparedBanks.includes(id)),
    pcr,
    event,
  };
}
