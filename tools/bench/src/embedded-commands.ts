import { readHeader, TPM_CC, TPM_ST, WireWriter } from 'tpm-core';
import type { Operation } from './measure.ts';

const OWNER = 0x4000_0001;
const NULL_HIERARCHY = 0x4000_0007;
const FIRST_SLOT = 0x8000_0000;
const SHA256 = 0x000b;
const POLICY_SIZE = 32;
const DIGEST_SIZES = new Map([
  [0x0004, 20],
  [0x000b, 32],
  [0x000c, 48],
  [0x000d, 64],
]);

/** Sends one command. */
export type Send = (command: Uint8Array) => Promise<Uint8Array>;

/** @returns a command; with a handle, authorized by an empty password */
export function message(code: number, parameters: Uint8Array, handle?: number): Uint8Array {
  const writer = new WireWriter();
  if (handle === undefined) writer.uint16(TPM_ST.NO_SESSIONS).uint32(0).uint32(code);
  else {
    writer.uint16(TPM_ST.SESSIONS).uint32(0).uint32(code).uint32(handle);
    writer.uint32(9).uint32(0x4000_0009).uint16(0).uint8(0).uint16(0);
  }
  writer.bytes(parameters);
  return writer.patchUint32(2, writer.length).finish();
}

function extend(banks: readonly number[]): Uint8Array {
  const writer = new WireWriter().uint32(banks.length);
  for (const bank of banks) {
    writer.uint16(bank).bytes(new Uint8Array(DIGEST_SIZES.get(bank)!).fill(1));
  }
  return message(TPM_CC.PCR_Extend, writer.finish(), 16);
}

/** A storage key; `number` is in its policy, so that no key is asked for twice. */
function createPrimary(kind: 'rsa' | 'ecc', number: number): Uint8Array {
  const writer = new WireWriter().uint16(4).uint32(0);
  writer
    .uint16(26 + POLICY_SIZE)
    .uint16(kind === 'rsa' ? 0x0001 : 0x0023)
    .uint16(SHA256)
    .uint32(0x0003_0472);
  writer
    .uint16(POLICY_SIZE)
    .uint32(number)
    .bytes(new Uint8Array(POLICY_SIZE - 4));
  writer.uint16(0x0006).uint16(128).uint16(0x0043).uint16(0x0010);
  if (kind === 'rsa') writer.uint16(2048).uint32(0).uint16(0);
  else writer.uint16(0x0003).uint16(0x0010).uint16(0).uint16(0);
  writer.uint16(0).uint32(0);
  return message(TPM_CC.CreatePrimary, writer.finish(), OWNER);
}

/** @returns the same command again and again, as an operation */
export function repeated(send: Send, command: Uint8Array): Operation {
  return async (count) => {
    for (let index = 0; index < count; index++) await succeed(send, command);
  };
}

/** @returns a new key each time, flushed after */
export function keys(send: Send, kind: 'rsa' | 'ecc'): Operation {
  let number = 0x0101_0101;
  const flush = message(TPM_CC.FlushContext, new WireWriter().uint32(FIRST_SLOT).finish());
  return async (count) => {
    for (let index = 0; index < count; index++) {
      await succeed(send, createPrimary(kind, number++));
      await succeed(send, flush);
    }
  };
}

/** Sends a command that has to succeed. */
export async function succeed(send: Send, command: Uint8Array): Promise<void> {
  const code = readHeader(await send(command))?.code;
  if (code === 0) return;
  const name = readHeader(command)?.code.toString(16);
  throw new Error(`Command 0x${name} was answered with 0x${code?.toString(16)}`);
}

/** Commands that are called often, with what is aimed at. */
export const SHORT: readonly (readonly [string, Uint8Array, string?])[] = [
  ['PCR_Read', message(TPM_CC.PCR_Read, Uint8Array.of(0, 0, 0, 1, 0, SHA256, 3, 0, 0, 1)), '≥ 3'],
  ['PCR_Extend, 1 bank', extend([SHA256]), '≥ 3'],
  ['PCR_Extend, 4 banks', extend([...DIGEST_SIZES.keys()]), '≥ 3'],
  ['GetRandom(32)', message(TPM_CC.GetRandom, Uint8Array.of(0, 32)), '≥ 3'],
  [
    'GetCapability, 30 properties',
    message(TPM_CC.GetCapability, Uint8Array.of(0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 0, 30)),
    '≥ 3',
  ],
  [
    'Hash of 1 KiB',
    message(
      TPM_CC.Hash,
      new WireWriter()
        .uint16(1024)
        .bytes(new Uint8Array(1024).fill(7))
        .uint16(SHA256)
        .uint32(NULL_HIERARCHY)
        .finish(),
    ),
  ],
];
/** How often each of them is sent in a round. */
export const SHORT_COUNT = 10_000;

/** Key creations, with how many of them make a round. */
export const KEYS = [
  ['CreatePrimary P-256', 'ecc', 20],
  ['CreatePrimary RSA-2048', 'rsa', 5],
] as const;
