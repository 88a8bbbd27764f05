import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { TpmVersion } from 'tpm-core';
import type { PcrBanks } from '../src/event-log.js';

/** Log area of a recorded SeaBIOS boot. */
export function recordedLog(tpmVersion: TpmVersion): Uint8Array {
  const name = `event-log-seabios-tpm${tpmVersion.replace('.', '')}.bin.gz`;
  return Uint8Array.from(gunzipSync(readFileSync(new URL(`../fixtures/${name}`, import.meta.url))));
}

/** PCRs of the TPM of that boot. */
export function recordedPcrs(tpmVersion: TpmVersion): PcrBanks {
  const url = new URL('../fixtures/pcrs-seabios.json', import.meta.url);
  const recording: Record<TpmVersion, Record<string, string[]>> = JSON.parse(
    readFileSync(url, 'utf8'),
  );
  return new Map(
    Object.entries(recording[tpmVersion]).map(([algorithm, pcrs]) => [
      Number(algorithm),
      new Map(pcrs.map((hex, pcr) => [pcr, Uint8Array.from(Buffer.from(hex, 'hex'))])),
    ]),
  );
}

/** One event of a log that a test makes. */
export interface MadeEvent {
  readonly pcr: number;
  readonly type: number;
  readonly data: Uint8Array;
  /** Digests by TPM_ALG_ID. */
  readonly digests: ReadonlyMap<number, Uint8Array>;
}

function numbers(...fields: (readonly [value: number, size: number])[]): number[] {
  return fields.flatMap(([value, size]) =>
    Array.from({ length: size }, (_, index) => (value >>> (8 * index)) & 0xff),
  );
}

/** TCG_PCR_EVENT. */
export function sha1Record(
  pcr: number,
  type: number,
  digest: Uint8Array,
  data: Uint8Array,
): number[] {
  return [...numbers([pcr, 4], [type, 4]), ...digest, ...numbers([data.length, 4]), ...data];
}

/** TCG_PCR_EVENT2. */
export function agileRecord({ pcr, type, data, digests }: MadeEvent): number[] {
  const list = [...digests].flatMap(([id, digest]) => [...numbers([id, 2]), ...digest]);
  const head = numbers([pcr, 4], [type, 4], [digests.size, 4]);
  return [...head, ...list, ...numbers([data.length, 4]), ...data];
}

/** The record that starts a crypto-agile log. */
export function specIdRecord(algorithms: readonly (readonly [number, number])[]): number[] {
  const data = [
    ...Buffer.from('Spec ID Event03\0'),
    ...numbers([0, 4], [0, 1], [2, 1], [5, 1], [2, 1], [algorithms.length, 4]),
    ...algorithms.flatMap(([id, size]) => numbers([id, 2], [size, 2])),
    ...[3, 7, 8, 9],
  ];
  return sha1Record(0, 3, new Uint8Array(20), Uint8Array.from(data));
}
