import { fixtureText } from '@tpmdev/testing/fixture';
import type { TpmVersion } from 'tpm-core';
import type { MachineFamily, TpmModel } from '../src/index.js';

/** What QEMU published in one configuration; bytes are hexadecimal. */
export interface RecordedMachine {
  readonly variant: string;
  readonly machine: MachineFamily;
  readonly device: TpmModel;
  readonly tpmVersion: TpmVersion;
  readonly ppi: boolean | 'na';
  readonly scope: string;
  readonly deviceName: string;
  readonly aml: string;
  readonly table: { readonly signature: 'TPM2' | 'TCPA'; readonly length: number };
  readonly tableBytes: string;
  readonly patched: readonly { readonly offset: number; readonly size: number }[];
  readonly rootTable: { readonly signature: 'RSDT' | 'XSDT'; readonly offset: number };
  readonly rsdp: string;
  readonly logSize: number;
  readonly config: boolean;
}

/** A table in the memory of a guest after its firmware ran. */
export interface LinkedTable {
  readonly file: string;
  readonly device: TpmModel;
  readonly tpm: '1' | '2';
  readonly logAreaStart: string;
  readonly checksumByte: string;
  readonly bytes: string;
}

/** What a call of `_DSM` returned. */
export type DsmResult =
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'buffer'; readonly hex: string }
  | { readonly type: 'package'; readonly elements: readonly number[] }
  | { readonly type: 'error'; readonly status: string }
  | { readonly type: 'none' };

/** Calls of `_DSM` one after the other, and the PPI memory afterwards. */
export interface DsmCase {
  readonly name: string;
  readonly ppiFill: number;
  readonly calls: readonly {
    readonly uuid: string;
    readonly revision: number;
    readonly function: number;
    readonly argument: readonly number[];
    readonly result: DsmResult;
  }[];
  readonly fieldsAfter: Readonly<Record<string, number>>;
}

const TEXTS = {
  machines: await fixtureText(new URL('../fixtures/tables-qemu72.jsonl', import.meta.url)),
  tables: await fixtureText(new URL('../fixtures/linked-tables.jsonl', import.meta.url)),
  calls: await fixtureText(new URL('../fixtures/dsm-results.jsonl.gz', import.meta.url)),
} as const;

function lines<T>(name: keyof typeof TEXTS): T[] {
  return TEXTS[name]
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

/** @returns the seven recorded machines */
export function recordedMachines(): RecordedMachine[] {
  return lines('machines');
}

/** @returns the three tables found in guest memory */
export function linkedTables(): LinkedTable[] {
  return lines('tables');
}

/** @returns the 78 recorded cases of `_DSM` */
export function dsmCases(): DsmCase[] {
  return lines('calls');
}

/** @returns the bytes as hexadecimal text */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @returns the bytes that hexadecimal text means; blanks are ignored */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(' ', '').match(/../g) ?? [], (byte) =>
    Number.parseInt(byte, 16),
  );
}
