import { describe, expect, it } from 'vitest';
import type { CommandName } from '../src/commands/command.js';
import { assemble, catalogueCommand } from './command-catalogue.js';
import { mutatedCommand, STARTUP, type StreamStep } from './command-streams.js';
import { Dice } from './dice.js';
import { compareStream, reportOf } from './differential.js';
import { POLICY_MAKERS } from './policy-catalogue.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
const COMMANDS = Number(process.env.TPMDEV_COMMANDS ?? 4000);
const STREAM_LENGTH = 200;
const NAMES = Object.keys(POLICY_MAKERS) as CommandName[];
/** What makes sessions, keys and NV indexes come and go, and changes PCR. */
const AROUND = [
  'StartAuthSession',
  'LoadExternal',
  'PCR_Extend',
  'PCR_Reset',
  'FlushContext',
  'NV_DefineSpace',
  'NV_DefineSpace',
  'NV_Write',
  'NV_Increment',
] as const;

/** Policy commands, each followed by a look at the digest. */
function policyStream(dice: Dice): StreamStep[] {
  const steps: StreamStep[] = [{ type: 'init' }, STARTUP];
  const send = (bytes: Uint8Array) => steps.push({ type: 'command', bytes, locality: 0 });
  const sendNew = (name: CommandName) => send(assemble(catalogueCommand(dice, name)));
  for (let count = 0; count < 8; count++) sendNew('StartAuthSession');
  while (steps.length < STREAM_LENGTH) {
    if (dice.once(4)) sendNew(dice.pick(AROUND));
    const name = dice.pick(NAMES);
    if (dice.once(4)) send(mutatedCommand(dice, name));
    else sendNew(name);
    sendNew('PolicyGetDigest');
  }
  return steps;
}

describe('policy commands beside swtpm', () => {
  it('Tpm.execute() answers them, sound and mutated, in any order as swtpm does', async () => {
    console.info(`policy-streams.test.ts: TPMDEV_SEED=${SEED} TPMDEV_COMMANDS=${COMMANDS}`);
    const reports: string[] = [];
    let [compared, accepted] = [0, 0];
    for (let index = 0; index < COMMANDS / STREAM_LENGTH && reports.length < 3; index++) {
      const stream = policyStream(new Dice(SEED + index));
      const comparison = await compareStream(stream);
      compared += comparison.compared;
      accepted += comparison.accepted;
      const { difference } = comparison;
      if (difference !== undefined) reports.push(await reportOf(stream, difference));
    }
    console.info(`policies: ${compared} commands compared with swtpm, ${accepted} accepted`);
    expect(reports.join('\n\n')).toBe('');
  }, 600_000);
});
