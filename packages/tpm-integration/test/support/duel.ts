import type { TpmVersion } from 'tpm-core';
import type { AnswerSign, ComparedDevice } from './compared-device.js';
import {
  type Driven,
  type DrivenHeadless,
  type DrivenProcess,
  type MachineChoice,
  openSwtpm,
  startEmulator,
  startHeadless,
  startSwtpm,
  until,
} from './peers.js';
import { Resources } from './resources.js';
import { RESET, type TrafficStep } from './traffic.js';

/** What both sides are built from. */
export interface DuelChoice extends MachineChoice {
  readonly version: TpmVersion;
  /** What there is to know about the device. */
  readonly device: ComparedDevice;
  /** Address of the registers. */
  readonly base: number;
  /** Object path of the interrupt controller. */
  readonly controller: string;
  /** The TPM's pin there. Others belong to devices that only QEMU has. */
  readonly pin: number;
  /** Device properties on our side only: a difference to be found. */
  readonly planted?: Readonly<Record<string, string>>;
}

/** The first step at which the two sides differ. */
export interface Difference {
  readonly index: number;
  readonly step: string;
  readonly qemu: string;
  readonly ours: string;
}

/** Steps that are sent in one piece, at most. */
const BATCH = 256;

/**
 * A QEMU and a headless machine, each with a fresh swtpm, that get the same steps. After a step
 * that starts a command both are waited for, so that speed makes no difference.
 */
export class Duel {
  readonly #choice: DuelChoice;
  readonly #qemu: DrivenProcess;
  readonly #ours: DrivenHeadless;
  /** TPM commands that ran. */
  commands = 0;
  /** Accesses that were left out, by the exception of {@link StartWatch} that applies. */
  readonly leftOut = { isShorterThanHeader: 0, isOfOtherCode: 0 };
  /** Lines `IRQ …` that we sent; QEMU sent the same. */
  get interrupts(): number {
    return this.#ours.client.interruptLog.length;
  }

  private constructor(choice: DuelChoice, qemu: DrivenProcess, ours: DrivenHeadless) {
    this.#choice = choice;
    this.#qemu = qemu;
    this.#ours = ours;
  }

  /** Starts both sides. */
  static async start(resources: Resources, choice: DuelChoice): Promise<Duel> {
    const [theirTpm, ourTpm] = await Promise.all([
      startSwtpm(resources, choice.version),
      startSwtpm(resources, choice.version),
    ]);
    const qemu = await startEmulator(resources, choice, theirTpm.controlPath);
    const properties = { ...choice.properties, ...choice.planted };
    const backend = await openSwtpm(resources, ourTpm);
    const ours = await startHeadless(resources, { ...choice, properties }, backend);
    const duel = new Duel(choice, qemu, ours);
    const difference = await duel.play([
      { line: `irq_intercept_in ${choice.controller}`, mayStart: false },
    ]);
    if (difference !== undefined) throw new Error('The interrupt controller is not found');
    return duel;
  }

  /** Plays steps on fresh machines. @returns the first difference */
  static async replay(
    choice: DuelChoice,
    steps: readonly TrafficStep[],
  ): Promise<Difference | undefined> {
    const resources = new Resources();
    try {
      return await (await Duel.start(resources, choice)).play(steps);
    } finally {
      await resources.release();
    }
  }

  /** Plays steps on both. @returns the first difference */
  async play(steps: readonly TrafficStep[]): Promise<Difference | undefined> {
    let start = 0;
    while (start < steps.length) {
      let end = start;
      while (end < steps.length && end - start < BATCH && !isBarrier(steps[end]!)) end++;
      const batch = steps.slice(start, end).map(({ line }) => line);
      const difference = (await this.#exchange(batch, start)) ?? (await this.#barrier(steps, end));
      if (difference !== undefined) return difference;
      start = end < steps.length && isBarrier(steps[end]!) ? end + 1 : end;
    }
    return undefined;
  }

  async #exchange(lines: readonly string[], offset: number): Promise<Difference | undefined> {
    const difference = await compareAnswers(this.#qemu, this.#ours, lines, this.#choice.pin);
    return difference && { ...difference, index: offset + difference.index };
  }

  async #barrier(steps: readonly TrafficStep[], index: number): Promise<Difference | undefined> {
    const step = steps[index];
    if (step === undefined || !isBarrier(step)) return undefined;
    if (step === RESET || step.line === '') {
      const resets = await Promise.all([this.#qemu.beginReset(), this.#ours.beginReset()]);
      await Promise.all(resets.map(({ done }) => done));
      return undefined;
    }
    const { device, base } = this.#choice;
    const watch = await device.watch(this.#ours, base);
    for (const exception of ['isShorterThanHeader', 'isOfOtherCode'] as const) {
      if (!watch[exception]) continue;
      this.leftOut[exception]++;
      return undefined;
    }
    const difference = await this.#exchange([step.line], index);
    if (difference !== undefined) return difference;
    // Interrupts of the command itself come after the answer to the access that started it.
    const since = this.#qemu.client.interruptsPaired;
    const sign = await watch.answered();
    if (sign === undefined) return undefined;
    this.commands++;
    return this.#awaitQemu(sign, since, index, step.line);
  }

  async #awaitQemu(
    { address, mask, value }: AnswerSign,
    since: number,
    index: number,
    step: string,
  ): Promise<Difference | undefined> {
    await until(
      async () => ((await this.#qemu.client.read(address, 4)) & mask) === value,
      `QEMU to finish the command of step ${index} (${step})`,
    );
    const interrupts = ofPin(this.#qemu.client.interruptLog.slice(since), this.#choice.pin);
    const ours = await this.#ours.client.command(`readl 0x${address.toString(16)}`);
    const theirs = interrupts.join(', ');
    const ourInterrupts = ours.interrupts.join(', ');
    return theirs === ourInterrupts
      ? undefined
      : { index, step: `${step} (its answer)`, qemu: theirs, ours: ourInterrupts };
  }
}

/** Interrupts of the TPM's pin; others belong to devices that only QEMU has. */
function ofPin(interrupts: readonly string[], pin: number): string[] {
  return interrupts.filter((line) => line.endsWith(` ${pin}`));
}

/** Sends commands to both. @returns the first answer that differs, counted from 0 */
export async function compareAnswers(
  qemu: Driven,
  ours: Driven,
  lines: readonly string[],
  pin: number,
): Promise<Difference | undefined> {
  if (lines.length === 0) return undefined;
  const [theirAnswers, ourAnswers] = await Promise.all([
    qemu.client.commands(lines),
    ours.client.commands(lines),
  ]);
  for (const [index, step] of lines.entries()) {
    const theirs = theirAnswers[index]!;
    const our = ourAnswers[index]!;
    const expected = [...ofPin(theirs.interrupts, pin), theirs.answer].join(', ');
    const actual = [...our.interrupts, our.answer].join(', ');
    if (expected !== actual) return { index, step, qemu: expected, ours: actual };
  }
  return undefined;
}

function isBarrier(step: TrafficStep): boolean {
  return step.mayStart || step.line === '';
}

/** Plays a script on fresh machines. @returns the first difference */
export type Replay = (steps: readonly TrafficStep[]) => Promise<Difference | undefined>;

/** Tries of {@link minimize}. */
const MOST_REPLAYS = 400;

/**
 * Drops steps as long as a difference remains (delta debugging).
 *
 * @returns the shortest script found
 */
export async function minimize(
  replay: Replay,
  steps: readonly TrafficStep[],
): Promise<readonly TrafficStep[]> {
  let script = steps;
  let replays = 0;
  for (let size = Math.ceil(script.length / 2); size >= 1; ) {
    let shorter = false;
    for (let at = 0; at < script.length && replays < MOST_REPLAYS; ) {
      const candidate = [...script.slice(0, at), ...script.slice(at + size)];
      replays++;
      const difference = await replay(candidate);
      if (difference === undefined) at += size;
      else {
        script = candidate.slice(0, difference.index + 1);
        shorter = true;
      }
    }
    if (replays >= MOST_REPLAYS || (size === 1 && !shorter)) break;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return script;
}
