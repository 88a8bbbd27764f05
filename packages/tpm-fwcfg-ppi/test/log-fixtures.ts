import { fixtureBytes, fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex } from '@tpmdev/testing/scripted-backend';
import type { TpmVersion } from 'tpm-core';
import type { PcrBanks } from '../src/event-log.js';

const LOGS: Readonly<Record<TpmVersion, Uint8Array>> = {
  '1.2': await fixtureBytes(new URL('../fixtures/event-log-seabios-tpm12.bin.gz', import.meta.url)),
  '2.0': await fixtureBytes(new URL('../fixtures/event-log-seabios-tpm20.bin.gz', import.meta.url)),
};

const PCRS = await fixtureJson<Record<TpmVersion, Record<string, string[]>>>(
  new URL('../fixtures/pcrs-seabios.json', import.meta.url),
);

/** Log area of a recorded SeaBIOS boot. */
export function recordedLog(tpmVersion: TpmVersion): Uint8Array {
  return LOGS[tpmVersion].slice();
}

/** @returns one byte for each character up to U+00FF */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** PCRs of the TPM of that boot. */
export function recordedPcrs(tpmVersion: TpmVersion): PcrBanks {
  return new Map(
    Object.entries(PCRS[tpmVersion]).map(([algorithm, pcrs]) => [
      Number(algorithm),
      new Map(pcrs.map((hex, pcr) => [pcr, fromHex(hex)])),
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
    ...latin1('Spec ID Event03\0'),
    ...numbers([0, 4], [0, 1], [2, 1], [5, 1], [2, 1], [algorithms.length, 4]),
    ...algorithms.flatMap(([id, size]) => numbers([id, 2], [size, 2])),
    ...[3, 7, 8, 9],
  ];
  return sha1Record(0, 3, new Uint8Array(20), Uint8Array.from(data));
}
