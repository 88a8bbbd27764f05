import { createHash } from 'node:crypto';
import {
  compareEventLog,
  type ExecuteCommand,
  eventTypeName,
  HASH_ALGORITHM,
  readEventLog,
  readPcrs,
} from '../src/event-log.js';

/** Returns a line for people: whether the log tells what the TPM has measured. */
export async function checkBoot(logArea: Uint8Array, execute: ExecuteCommand): Promise<string> {
  const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();
  const hashes = new Map([[HASH_ALGORITHM['SHA-256'], sha256]]);
  const log = readEventLog(logArea);
  const pcrs = await readPcrs(execute, '2.0', [...hashes.keys()]);
  const { agrees, pcr, event } = await compareEventLog(log, pcrs, hashes);
  if (agrees) return `${log.events.length} events, all PCRs agree`;
  if (event === undefined) return `PCR ${pcr?.pcr} differs`;
  const { number, type } = event.event;
  return `Event ${number} (${eventTypeName(type)}), PCR ${event.event.pcr}: ${event.reason}`;
}
