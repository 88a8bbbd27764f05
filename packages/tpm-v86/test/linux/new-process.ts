import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildProgram } from '@tpmdev/testing/program';
import { BOOT_TIME, type GuestMachineOptions } from './guest-machine.js';
import type { RestoredRun, RestoreOrder } from './restored-guest.js';

const PROGRAM = `
import { readFileSync } from 'node:fs';
import { runRestoredGuest } from './restored-guest.js';
await runRestoredGuest(JSON.parse(readFileSync(process.argv[2], 'utf8')));
`;

/** v86 looks for Node's modules by require(), which a program of one module doesn't have. */
const PRELOAD = `data:text/javascript,${encodeURIComponent(
  "import { createRequire } from 'node:module'; globalThis.require = createRequire('file:///');",
)}`;

/** Restores a saved machine in a new process and runs commands in its guest. */
export async function restoreInNewProcess(
  options: GuestMachineOptions,
  saved: ArrayBuffer,
  commands: readonly string[],
): Promise<RestoredRun> {
  const folder = mkdtempSync(join(tmpdir(), 'tpm-v86-restore-'));
  const path = (name: string): string => join(folder, name);
  try {
    writeFileSync(path('state'), new Uint8Array(saved), { mode: 0o600 });
    const wasmPath = fileURLToPath(import.meta.resolve('v86/build/v86.wasm'));
    const files = { state: path('state'), answer: path('answer') };
    const order: RestoreOrder = { options: { ...options, wasmPath }, ...files, commands };
    writeFileSync(path('order'), JSON.stringify(order));
    await buildProgram(PROGRAM, new URL('.', import.meta.url), path('program.mjs'));
    const run = promisify(execFile);
    const words = ['--import', PRELOAD, path('program.mjs'), path('order')];
    await run(process.execPath, words, { timeout: BOOT_TIME });
    return JSON.parse(readFileSync(path('answer'), 'utf8')) as RestoredRun;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
