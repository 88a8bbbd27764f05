import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbedded } from 'tpm-backend-embedded';
import { readHeader, TPM_CC, TPM_ST, WireWriter } from 'tpm-core';
import { BareSocket, startBareSwtpm } from './bare-swtpm.ts';
import { compare, type Figure, type Operation } from './measure.ts';

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
type Send = (command: Uint8Array) => Promise<Uint8Array>;

function message(code: number, parameters: Uint8Array, handle?: number): Uint8Array {
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
function repeated(send: Send, command: Uint8Array): Operation {
  return async (count) => {
    for (let index = 0; index < count; index++) await succeed(send, command);
  };
}

/** @returns a new key each time, flushed after */
function keys(send: Send, kind: 'rsa' | 'ecc'): Operation {
  let number = 0x0101_0101;
  const flush = message(TPM_CC.FlushContext, new WireWriter().uint32(FIRST_SLOT).finish());
  return async (count) => {
    for (let index = 0; index < count; index++) {
      await succeed(send, createPrimary(kind, number++));
      await succeed(send, flush);
    }
  };
}

async function succeed(send: Send, command: Uint8Array): Promise<void> {
  const code = readHeader(await send(command))?.code;
  if (code === 0) return;
  const name = readHeader(command)?.code.toString(16);
  throw new Error(`Command 0x${name} was answered with 0x${code?.toString(16)}`);
}

/** Commands that are called often, with what is aimed at. */
const SHORT: readonly (readonly [string, Uint8Array, string?])[] = [
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
const SHORT_COUNT = 10_000;

/** The TPM in this process beside swtpm over a bare socket. */
export async function embeddedFigures(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tpmdev-bench-'));
  const swtpm = startBareSwtpm(folder);
  const backend = await openEmbedded();
  try {
    const bare = new BareSocket(swtpm.socket);
    await backend.start({ bufferSize: 0 });
    const theirs: Send = (command) => bare.send(command);
    const ours: Send = async (command) =>
      (await backend.execute({ command, locality: 0, responseCapacity: 4096 })).response;
    await succeed(ours, message(TPM_CC.Startup, Uint8Array.of(0, 0)));
    const figures: Figure[] = [];
    for (const [name, command, aim] of SHORT) {
      const result = await compare(repeated(theirs, command), repeated(ours, command), SHORT_COUNT);
      figures.push(
        { name: `${name}, embedded TPM`, value: result.b * 1e6, unit: 'µs' },
        {
          name: `${name}, swtpm to embedded TPM`,
          value: result.ratio,
          unit: 'times',
          ...(aim !== undefined && { aim }),
        },
      );
    }
    for (const [name, kind, count] of [
      ['CreatePrimary P-256', 'ecc', 20],
      ['CreatePrimary RSA-2048', 'rsa', 5],
    ] as const) {
      const result = await compare(keys(theirs, kind), keys(ours, kind), count);
      figures.push(
        { name: `${name}, embedded TPM`, value: result.b * 1e3, unit: 'ms' },
        { name: `${name}, swtpm`, value: result.a * 1e3, unit: 'ms' },
      );
    }
    return figures;
  } finally {
    await backend.close();
    await swtpm.end();
    rmSync(folder, { recursive: true, force: true });
  }
}
