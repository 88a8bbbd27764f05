import { performance } from 'node:perf_hooks';

/** One line of the report. */
export interface Figure {
  readonly name: string;
  /** Median over the rounds. */
  readonly value: number;
  readonly unit: string;
  /** What is aimed at, for people. */
  readonly aim?: string;
}

/** Something that can be repeated: does `count` operations. */
export type Operation = (count: number) => Promise<void> | void;

const ROUNDS = 9;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

async function secondsPerOperation(operation: Operation, count: number): Promise<number> {
  const start = performance.now();
  await operation(count);
  return (performance.now() - start) / 1000 / count;
}

/**
 * Times two alternatives in turn, A B A B …, after a warm-up of each, so that a drift of the
 * machine's speed hits both alike.
 *
 * @returns the median times per operation in seconds and the median of the pairs' ratios A/B
 */
export async function compare(
  a: Operation,
  b: Operation,
  count: number,
): Promise<{ a: number; b: number; ratio: number }> {
  await a(count);
  await b(count);
  const pairs: [number, number][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    pairs.push([await secondsPerOperation(a, count), await secondsPerOperation(b, count)]);
  }
  return {
    a: median(pairs.map(([time]) => time)),
    b: median(pairs.map(([, time]) => time)),
    ratio: median(pairs.map(([timeA, timeB]) => timeA / timeB)),
  };
}

/** @returns the median number of operations per second */
export async function rate(operation: Operation, count: number): Promise<number> {
  await operation(count);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    times.push(await secondsPerOperation(operation, count));
  }
  return 1 / median(times);
}
