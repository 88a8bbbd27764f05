import { fromHex } from '@tpmdev/testing/scripted-backend';
import { describe, expect, it } from 'vitest';
import { IMPLEMENTED_COMMANDS } from '../src/commands/command-table.js';
import { assemble, CATALOGUE, catalogueCommand } from './command-catalogue.js';
import { randomStream, STARTUP, type StreamStep, withSize } from './command-streams.js';
import { Dice } from './dice.js';
import { type Comparison, compareStream, reportOf } from './differential.js';
import { absentCommand } from './golden-scenarios.js';
import { REVIEWED_DIFFERENCES } from './reviewed-differences.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
const COMMANDS = Number(process.env.TPMDEV_COMMANDS ?? 20_000);
const STREAM_LENGTH = 250;
console.info(`differential.test.ts: TPMDEV_SEED=${SEED} TPMDEV_COMMANDS=${COMMANDS}`);

/** Runs streams, prints what came of them, and fails with every difference that isn't reviewed. */
async function expectSame(what: string, streams: readonly StreamStep[][]): Promise<void> {
  const total = { compared: 0, accepted: 0, reviewed: new Map<string, number>() };
  const reports: string[] = [];
  for (const stream of streams) {
    const comparison = await compareStream(stream);
    add(total, comparison);
    if (comparison.difference === undefined) continue;
    reports.push(await reportOf(stream, comparison.difference));
    if (reports.length >= 5) break;
  }
  const reviewed = [...total.reviewed].map(([name, count]) => `${name} ${count}`).join(', ');
  console.info(
    `${what}: ${total.compared} commands compared with swtpm, ${total.accepted} of them accepted; ` +
      `reviewed differences: ${reviewed || 'none'}`,
  );
  expect(reports.join('\n\n')).toBe('');
}

function add(total: Pick<Comparison, 'compared' | 'accepted' | 'reviewed'>, one: Comparison): void {
  total.compared += one.compared;
  total.accepted += one.accepted;
  for (const [name, count] of one.reviewed) {
    total.reviewed.set(name, (total.reviewed.get(name) ?? 0) + count);
  }
}

function command(bytes: Uint8Array): StreamStep {
  return { type: 'command', bytes, locality: 0 };
}

/** StartAuthSession of a trial session, so that policy commands get as far as their parameters. */
const POLICY_SESSION = command(
  fromHex('80010000002b0000017640000007400000070010000000000000000000000000000000000000030010000b'),
);

/** Begins anew after every so many steps, so that slots and sessions don't run out. */
function inPieces(steps: readonly StreamStep[], size: number): StreamStep[] {
  const pieces: StreamStep[] = [];
  for (let start = 0; start < steps.length; start += size) {
    pieces.push({ type: 'init' }, STARTUP, POLICY_SESSION, ...steps.slice(start, start + size));
  }
  return pieces;
}

const NAMES = Object.keys(CATALOGUE) as (keyof typeof CATALOGUE)[];

describe('Tpm.execute() beside swtpm', () => {
  it('Tpm.execute() answers random and mutated commands as swtpm does', async () => {
    const streams = Array.from({ length: Math.ceil(COMMANDS / STREAM_LENGTH) }, (_, index) =>
      randomStream(new Dice(SEED + index), STREAM_LENGTH, 2),
    );
    await expectSame('random streams', streams);
  }, 3_600_000);

  it('Tpm.execute() answers every prefix of valid commands as swtpm does', async () => {
    const dice = new Dice(SEED);
    const streams = NAMES.map((name) => {
      const bytes = assemble(catalogueCommand(dice, name));
      const prefixes = Array.from({ length: bytes.length }, (_, length) =>
        bytes.subarray(0, length),
      );
      return inPieces([...prefixes, ...prefixes.map(withSize), bytes].map(command), 20);
    });
    await expectSame('prefixes', streams);
  }, 3_600_000);

  it('Tpm.execute() answers valid commands with any single byte changed as swtpm does', async () => {
    const dice = new Dice(SEED);
    const streams = NAMES.map((name) => {
      const bytes = assemble(catalogueCommand(dice, name));
      const changed = [...bytes.keys()].flatMap((at) =>
        [1, 0x80, 0xff].map((mask) => bytes.with(at, bytes[at]! ^ mask)),
      );
      const present = changed.filter((one) => absentCommand(one) === undefined);
      return inPieces(present.map(command), 20);
    });
    await expectSame('single bytes', streams);
  }, 3_600_000);

  it('CATALOGUE has every command that is there; ContextLoad has a step of its own', () => {
    const missing = IMPLEMENTED_COMMANDS.filter(({ name }) => !NAMES.includes(name));
    expect(missing.map(({ name }) => name)).toEqual(['ContextLoad']);
  });

  it('REVIEWED_DIFFERENCES have names of their own and reasons', () => {
    const names = REVIEWED_DIFFERENCES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { reason } of REVIEWED_DIFFERENCES) expect(reason.length).toBeGreaterThan(20);
  });
});
