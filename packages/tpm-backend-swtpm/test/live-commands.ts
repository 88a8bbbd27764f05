import { readUint32 } from 'tpm-core';
import { expect } from 'vitest';
import type { SwtpmBackend } from '../src/swtpm-backend.js';
import { fromHex, toHex } from './scripted-swtpm.js';

/** The failure response that a back end makes up. */
export const FAILURE = '00c40000000a00000009';
/** The TPM families. */
export const families = ['1.2', '2.0'] as const;

/** Commands by family, as hexadecimal; PCR 16 is for debugging, PCR 17 for DRTM. */
export const commands = {
  '1.2': {
    startup: '00c10000000c000000990001',
    extend: `00c1000000220000001400000010${'11'.repeat(20)}`,
    read: '00c10000000e0000001500000010',
    readDrtm: '00c10000000e0000001500000011',
    drtm: '97e976e4',
    random: '00c10000000e0000004600000008',
  },
  '2.0': {
    startup: '80010000000c000001440000',
    extend: `80020000004100000182000000100000000940000009000000000000000001000b${'11'.repeat(32)}`,
    read: '8001000000140000017e00000001000b03000001',
    readDrtm: '8001000000140000017e00000001000b03000002',
    drtm: 'fca5d649',
    random: '80010000000c0000017b0008',
  },
} as const;
/** TPM2_CreatePrimary of an RSA 2048 key in the owner hierarchy: runs for tens of milliseconds. */
export const createPrimary =
  '80020000004300000131400000010000000940000009000000000000040000000000' +
  '1a0001000b00030472000000060080004300100800000000000000000000000000';

/** Executes a command. @returns the response as hexadecimal */
export async function execute(
  backend: SwtpmBackend,
  command: string,
  locality: 0 | 3 = 0,
): Promise<string> {
  const request = { command: fromHex(command), locality, responseCapacity: 4096 };
  return toHex((await backend.execute(request)).response);
}

/** Starts the TPM as a front end does, and sends Startup. */
export async function boot(backend: SwtpmBackend): Promise<void> {
  await backend.start({ bufferSize: await backend.bufferSize() });
  const { startup } = commands[backend.tpmVersion];
  expect(readUint32(fromHex(await execute(backend, startup)), 6)).toBe(0);
}
