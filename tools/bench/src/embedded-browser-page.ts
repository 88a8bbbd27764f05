// Runs in the browser: times each command of the embedded TPM and posts the figures.

import { openEmbedded } from 'tpm-backend-embedded';
import { TPM_CC } from 'tpm-core';
import { KEYS, keys, message, repeated, type Send, SHORT, succeed } from './embedded-commands.ts';
import type { Operation } from './measure.ts';

const ROUNDS = 5;
const COUNT = 2000;

/** @returns seconds an operation takes: the median of some rounds, after one to warm up */
async function seconds(operation: Operation, count: number): Promise<number> {
  await operation(count);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await operation(count);
    times.push((performance.now() - start) / 1000 / count);
  }
  return times.sort((one, other) => one - other)[ROUNDS >> 1]!;
}

const times: Record<string, number> = {};
try {
  const backend = await openEmbedded();
  await backend.start({ bufferSize: 0 });
  const send: Send = async (command) =>
    (await backend.execute({ command, locality: 0, responseCapacity: 4096 })).response;
  await succeed(send, message(TPM_CC.Startup, Uint8Array.of(0, 0)));
  for (const [name, command] of SHORT) times[name] = await seconds(repeated(send, command), COUNT);
  for (const [name, kind, count] of KEYS) times[name] = await seconds(keys(send, kind), count);
  await fetch('/result', { method: 'POST', body: JSON.stringify(times) });
} catch (error) {
  await fetch('/failure', { method: 'POST', body: String(error) });
}
