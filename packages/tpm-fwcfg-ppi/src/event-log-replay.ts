import { FirmwareInterfaceError } from './error.js';
import {
  EVENT_TYPE,
  type EventLog,
  type EventLogAlgorithm,
  hashAlgorithmName,
  PCR_COUNT,
} from './event-log-format.js';

/** A hash algorithm, for example of Web Crypto or of Node. */
export type HashFunction = (data: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** Hash functions by TPM_ALG_ID. */
export type HashFunctions = ReadonlyMap<number, HashFunction>;

/** PCR values by TPM_ALG_ID, then by PCR index. */
export type PcrBanks = ReadonlyMap<number, ReadonlyMap<number, Uint8Array>>;

/** PCRs that only a dynamic launch resets to zero; all ones before (PC Client TPM Profile). */
const DYNAMIC_PCRS = { first: 17, last: 22 } as const;

/**
 * @returns a PCR as Startup leaves it: zeros or ones; in PCR 0 the locality of Startup
 */
export function initialPcr(log: EventLog, pcr: number, digestSize: number): Uint8Array {
  const isDynamic = pcr >= DYNAMIC_PCRS.first && pcr <= DYNAMIC_PCRS.last;
  const value = new Uint8Array(digestSize).fill(isDynamic ? 0xff : 0);
  if (pcr === 0) value[digestSize - 1] = log.startupLocality ?? 0;
  return value;
}

/**
 * @throws FirmwareInterfaceError `ERR_EVENT_LOG` when the function is one of another algorithm
 */
export async function digestOf(
  hash: HashFunction,
  data: Uint8Array,
  { id, digestSize }: EventLogAlgorithm,
): Promise<Uint8Array> {
  const digest = await hash(data);
  if (digest.length === digestSize) return digest;
  throw new FirmwareInterfaceError(
    'ERR_EVENT_LOG',
    `Hash function of ${hashAlgorithmName(id)} gave ${digest.length} bytes, the log has digests of ${digestSize}; pass the right function`,
  );
}

/** @returns the PCR's value after it was extended with a digest */
export async function extendPcr(
  hash: HashFunction,
  value: Uint8Array,
  digest: Uint8Array,
  algorithm: EventLogAlgorithm,
): Promise<Uint8Array> {
  const input = new Uint8Array(value.length + digest.length);
  input.set(value);
  input.set(digest, value.length);
  return await digestOf(hash, input, algorithm);
}

async function replayBank(
  log: EventLog,
  algorithm: EventLogAlgorithm,
  hash: HashFunction,
): Promise<Map<number, Uint8Array>> {
  const pcrs = new Map<number, Uint8Array>();
  for (let pcr = 0; pcr < PCR_COUNT; pcr++) {
    pcrs.set(pcr, initialPcr(log, pcr, algorithm.digestSize));
  }
  for (const { pcr, type, digests } of log.events) {
    const value = pcrs.get(pcr);
    if (type === EVENT_TYPE.NO_ACTION || value === undefined) continue;
    pcrs.set(pcr, await extendPcr(hash, value, digests.get(algorithm.id)!, algorithm));
  }
  return pcrs;
}

/**
 * Computes what the PCRs hold when exactly the log's events were extended since Startup. Events of
 * type EV_NO_ACTION are not extended.
 *
 * @param hashes hash functions; this package has none of its own
 * @returns the 24 PCRs of each bank of the log that has a hash function; the others are missing
 * @throws FirmwareInterfaceError `ERR_EVENT_LOG` when a hash function has the wrong digest size
 *
 * @example
 * const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();
 * const banks = await replayEventLog(log, new Map([[HASH_ALGORITHM['SHA-256'], sha256]]));
 */
export async function replayEventLog(log: EventLog, hashes: HashFunctions): Promise<PcrBanks> {
  const banks = new Map<number, ReadonlyMap<number, Uint8Array>>();
  for (const algorithm of log.algorithms) {
    const hash = hashes.get(algorithm.id);
    if (hash !== undefined) banks.set(algorithm.id, await replayBank(log, algorithm, hash));
  }
  return banks;
}
