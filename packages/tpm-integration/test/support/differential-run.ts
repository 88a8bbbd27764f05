import { expect } from 'vitest';
import { Duel, type DuelChoice, minimize } from './duel.js';
import type { Resources } from './resources.js';
import type { Traffic, TrafficStep } from './traffic.js';

/** Seed of a run to repeat; set by people who saw it printed. */
export const SEED: number = Number(process.env.TPMDEV_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** @returns accesses per run, unless told otherwise */
export function accessCount(usual: number): number {
  return Number(process.env.TPMDEV_ACCESSES ?? usual);
}

/**
 * Sends random sessions to QEMU and to our machine. Fails at the first difference with the shortest
 * script that shows it.
 *
 * @param choice the machines
 * @param traffic what is sent
 * @param accesses number of steps after which it is enough
 * @returns what was played
 */
export async function runDifferential(
  resources: Resources,
  choice: DuelChoice,
  traffic: Traffic,
  accesses: number,
): Promise<Duel> {
  console.log(`TPMDEV_SEED=${SEED} TPMDEV_ACCESSES=${accesses}`);
  const duel = await Duel.start(resources, choice);
  const played: TrafficStep[] = [];
  while (played.length < accesses) {
    const start = played.length;
    const episode = traffic.episode();
    played.push(...episode);
    const difference = await duel.play(episode);
    if (difference === undefined) continue;
    const failing = played.slice(0, start + difference.index + 1);
    console.log(`After ${failing.length} steps:`, difference);
    const script = await minimize((steps) => Duel.replay(choice, steps), failing);
    const last = await Duel.replay(choice, script);
    expect.fail(
      [
        `seed ${SEED}, access ${failing.length}: QEMU gives ${difference.qemu}, we ${difference.ours}`,
        ...script.map(({ line }) => (line === '' ? '(machine reset)' : line)),
        `QEMU: ${last?.qemu}`,
        `ours: ${last?.ours}`,
      ].join('\n'),
    );
  }
  const { commands, interrupts, leftOut } = duel;
  console.log(`${played.length} accesses, ${commands} TPM commands, ${interrupts} IRQ`);
  console.log('Left out:', leftOut);
  return duel;
}
