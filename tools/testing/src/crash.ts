// Kills a process at random moments, again and again, and lets the test look at what it left. What
// a process tells on standard output before it dies is what it acknowledged.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

/** What one process did before it was killed. */
export interface CrashRound {
  /** Counts from 0. */
  readonly round: number;
  /** Complete lines that the process wrote to standard output, in order. */
  readonly lines: readonly string[];
}

/** How {@link killAtRandomMoments} runs. */
export interface CrashOptions {
  /**
   * Program and arguments. It writes a line when it begins, so that no kill is spent on the start of
   * the runtime, then a line per acknowledgement, and runs until it is killed.
   */
  readonly command: readonly [string, ...string[]];
  readonly rounds: number;
  /** Chooses the moments, as far as scheduling lets it. Print it, so that a failure can be had again. */
  readonly seed: number;
  /** Most lines that are awaited before the kill; a round awaits 1 to this many. */
  readonly longestWait: number;
  /** Longest further delay before the kill, in milliseconds: about the time of a few lines. */
  readonly longestDelay: number;
  /** Looks at what the process left; it must not leave anything open. */
  afterKill(round: CrashRound): Promise<void>;
}

/** @returns numbers in [0, 1), the same for the same seed (a linear congruential generator) */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

async function runOnce(
  round: number,
  [program, ...args]: CrashOptions['command'],
  awaited: number,
  delay: number,
): Promise<CrashRound> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let output = '';
  let complaints = '';
  const reached = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.split('\n').length > awaited) resolve();
    });
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  await Promise.race([reached.then(() => pause(delay)), closed]);
  child.kill('SIGKILL');
  const [code, signal] = await closed;
  if (signal !== 'SIGKILL' || complaints !== '') {
    throw new Error(
      `Round ${round}: the process ended by itself (${code ?? signal}): ${complaints}`,
    );
  }
  // The pipe keeps what was written before the kill; the last line may be incomplete.
  return { round, lines: output.split('\n').slice(0, -1) };
}

/**
 * @returns how many lines the processes wrote in all rounds
 * @throws Error when a process ends by itself or complains on standard error; whatever
 *   `afterKill` throws
 */
export async function killAtRandomMoments(options: CrashOptions): Promise<number> {
  const random = randomNumbers(options.seed);
  let total = 0;
  for (let round = 0; round < options.rounds; round++) {
    const awaited = 1 + Math.floor(random() * options.longestWait);
    const delay = random() * options.longestDelay;
    const result = await runOnce(round, options.command, awaited, delay);
    total += result.lines.length;
    await options.afterKill(result);
  }
  return total;
}

/** @returns rounds of a crash test: the environment variable `TPMDEV_CRASH_ROUNDS`, or fewer */
export function crashRounds(hermetic: number): number {
  const text = process.env.TPMDEV_CRASH_ROUNDS;
  if (text === undefined || text === '') return hermetic;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Error(`TPMDEV_CRASH_ROUNDS is "${text}"; give a number from 1 to 999999`);
}
