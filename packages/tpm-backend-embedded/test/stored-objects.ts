import { readUint16, readUint32, TPM_CC } from 'tpm-core';
import type { Tpm } from '../src/tpm.js';
import { freshTpm } from './fresh-tpm.js';
import { HIERARCHY, startup, uint32 } from './owned-objects.js';
import { commandBytes, NO_PASSWORD, responseCode } from './password-command.js';
import { joined, sized, words } from './wire-bytes.js';

function expectSuccess(response: Uint8Array): void {
  const code = responseCode(response);
  if (code !== 0) throw new Error(`Refused with 0x${code.toString(16)}`);
}

const SHA256 = 0x000b;
const NULL = 0x0010;
/** Data to be sealed. */
export const SECRET: Uint8Array = Uint8Array.of(1, 2, 3, 4);
/** Authorization value of created objects. */
export const PASSWORD: Uint8Array = Uint8Array.of(0x70, 0x77);
/** Restricted decryption key of P-256 with AES-128. */
export const STORAGE: Uint8Array = joined(
  joined(words(0x23, SHA256), uint32(0x0003_0472), words(0, 6, 128, 0x43)),
  words(NULL, 3, NULL, 0, 0),
);
/** Sealed data that stays with its parent. */
export const SEALED: Uint8Array = joined(
  words(0x08, SHA256),
  uint32(0x0000_0052),
  words(0, NULL, 0),
);

/** A created object. */
export interface Blob {
  readonly outPrivate: Uint8Array;
  readonly outPublic: Uint8Array;
}

/** Sends a command with passwords. */
export function run(
  tpm: Tpm,
  code: number,
  handles: readonly number[],
  parameters: Uint8Array,
  passwords: readonly Uint8Array[] = [NO_PASSWORD],
): Uint8Array {
  return tpm.execute(commandBytes({ code, handles, passwords, parameters }), 0);
}

/** A running TPM with a storage key of the owner hierarchy. */
export function startedWithParent(): { tpm: Tpm; parent: number } {
  const tpm = freshTpm();
  tpm.initialize();
  startup(tpm);
  return { tpm, parent: createParent(tpm, HIERARCHY.owner) };
}

/** Makes a primary storage key. @returns its handle */
export function createParent(tpm: Tpm, hierarchy: number): number {
  const parameters = joined(sized(words(0, 0)), sized(STORAGE), words(0), uint32(0));
  const response = run(tpm, TPM_CC.CreatePrimary, [hierarchy], parameters);
  expectSuccess(response);
  return readUint32(response, 10);
}

/** Parameters of TPM2_Create. */
export function creation(data: Uint8Array = SECRET, area: Uint8Array = SEALED): Uint8Array {
  const sensitive = joined(sized(PASSWORD), sized(data));
  return joined(sized(sensitive), sized(area), words(0), uint32(0));
}

/** TPM2B number `index` of the parameters. */
export function sizedAt(response: Uint8Array, index: number): Uint8Array {
  let offset = 14;
  for (let skip = index; skip > 0; skip--) offset += 2 + readUint16(response, offset);
  return response.slice(offset + 2, offset + 2 + readUint16(response, offset));
}

/** Makes an object beneath a parent, sealed data unless given. */
export function create(tpm: Tpm, parent: number, data?: Uint8Array, area?: Uint8Array): Blob {
  const response = run(tpm, TPM_CC.Create, [parent], creation(data, area));
  expectSuccess(response);
  return { outPrivate: sizedAt(response, 0), outPublic: sizedAt(response, 1) };
}

/** Sends TPM2_Load. */
export function load(tpm: Tpm, parent: number, { outPrivate, outPublic }: Blob): Uint8Array {
  return run(tpm, TPM_CC.Load, [parent], joined(sized(outPrivate), sized(outPublic)));
}
