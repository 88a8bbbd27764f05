import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crashRounds, killAtRandomMoments } from '@tpmdev/testing/crash';
import { buildProgram } from '@tpmdev/testing/program';
import { expect, it } from 'vitest';
import {
  type ExpectedState,
  expectedStateOf,
  FACTORY_STATE,
  isExpected,
} from '../../test/expected-state.js';
import { STARTUP_CLEAR, SUCCESS, send } from '../../test/open-backend.js';
import { decodeStoredState } from '../state/tpm-state.js';
import { fileStore } from '../store/file-store.js';
import { openEmbedded } from './open-embedded.js';

const ROUNDS = crashRounds(25);
const SEED = Number(process.env.TPMDEV_CRASH_SEED ?? Date.now() % 2 ** 32);
console.log(`${ROUNDS} rounds, TPMDEV_CRASH_SEED=${SEED}`);

const PROGRAM = `
  import { changeStateForEver } from './changing-tpm.js';
  await changeStateForEver(process.argv[2] ?? '');
`;

/** @returns the last acknowledged state, and the one that was announced after it, if there is one */
function possibleStates(lines: readonly string[], before: ExpectedState): ExpectedState[] {
  const told = lines.map((line) => ({
    isDone: line.startsWith('done '),
    state: JSON.parse(line.slice(5)) as ExpectedState,
  }));
  const last = told.findLastIndex(({ isDone }) => isDone);
  const acknowledged = told[last]?.state ?? before;
  const announced = told[last + 1]?.state;
  return announced === undefined ? [acknowledged] : [acknowledged, announced];
}

it(
  'openEmbedded() with a file store has every acknowledged change after kills at random moments',
  async () => {
    const root = await mkdtemp(join(tmpdir(), 'tpmdev-crash-tpm-'));
    const directory = join(root, 'state');
    const program = join(root, 'changing-tpm.mjs');
    try {
      await buildProgram(PROGRAM, new URL('../../test/', import.meta.url), program);
      let before = FACTORY_STATE;
      const lines = await killAtRandomMoments({
        command: [process.execPath, program, directory],
        rounds: ROUNDS,
        seed: SEED,
        longestWait: 40,
        longestDelay: 12,
        async afterKill({ round, lines }) {
          const store = await fileStore(directory);
          const bytes = await store.read();
          const possible = possibleStates(lines, before);
          if (bytes === undefined) {
            expect(lines, `round ${round}`).not.toContainEqual(expect.stringMatching(/^done/));
            await store.close();
            return;
          }
          const stored = decodeStoredState(bytes);
          if (typeof stored === 'string') throw new Error(`Round ${round}: the state ${stored}`);
          const found = expectedStateOf(stored);
          const fits = possible.some((state) => isExpected(found, state));
          expect(fits ? 'fits' : { found, possible }, `round ${round}`).toBe('fits');
          // Only looked at here: the next process goes on from what the kill left.
          await store.close();
          before = { ...found, orderly: undefined };
        },
      });
      expect(lines).toBeGreaterThan(ROUNDS);
      const backend = await openEmbedded({ store: await fileStore(directory) });
      await backend.start({ bufferSize: 0 });
      expect(await send(backend, STARTUP_CLEAR)).toBe(SUCCESS);
      await backend.close();
    } finally {
      await rm(root, { recursive: true });
    }
  },
  60_000 + ROUNDS * 3_000,
);
