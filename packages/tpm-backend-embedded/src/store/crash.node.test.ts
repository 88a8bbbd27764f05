import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crashRounds, killAtRandomMoments } from '@tpmdev/testing/crash';
import { numberOfState } from '@tpmdev/testing/numbered-state';
import { buildProgram } from '@tpmdev/testing/program';
import { expect, it } from 'vitest';
import { fileStore } from './file-store.js';

const ROUNDS = crashRounds(30);
const SEED = Number(process.env.TPMDEV_CRASH_SEED ?? Date.now() % 2 ** 32);

const WRITER = `
  import { writeNumberedStates } from '@tpmdev/testing/numbered-writer';
  import { fileStore } from './file-store.js';
  await writeNumberedStates(() => fileStore(process.argv[2] ?? ''));
`;

it(
  'fileStore() has every acknowledged state after kills at random moments',
  async () => {
    console.log(`${ROUNDS} rounds, TPMDEV_CRASH_SEED=${SEED}`);
    const root = await mkdtemp(join(tmpdir(), 'tpmdev-crash-'));
    const directory = join(root, 'state');
    const program = join(root, 'writer.mjs');
    try {
      await buildProgram(WRITER, new URL('.', import.meta.url), program);
      let newest = 0;
      let interrupted = 0;
      const total = await killAtRandomMoments({
        command: [process.execPath, program, directory],
        rounds: ROUNDS,
        seed: SEED,
        longestWait: 10,
        longestDelay: 8,
        async afterKill({ round, lines }) {
          const acknowledged = lines.length > 1 ? Number(lines.at(-1)) : newest;
          const store = await fileStore(directory);
          const found = numberOfState(await store.read());
          // The write that the kill interrupted may have come through, but no further one began.
          expect([acknowledged, acknowledged + 1], `round ${round}`).toContain(found);
          if (found > acknowledged) interrupted++;
          await store.close();
          const left = (await readdir(directory)).filter((name) => name !== 'tpm2.state');
          expect(left, `round ${round}`).toEqual([]);
          newest = found;
        },
      });
      // Every state was written once: acknowledged, or finished by the write that was interrupted.
      expect(newest).toBe(total - ROUNDS + interrupted);
    } finally {
      await rm(root, { recursive: true });
    }
  },
  30_000 + ROUNDS * 2_000,
);
