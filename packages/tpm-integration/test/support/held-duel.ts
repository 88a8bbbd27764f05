import { setTimeout as sleep } from 'node:timers/promises';
import { connectSwtpm } from 'tpm-backend-swtpm';
import { compareAnswers, type Difference, type DuelChoice } from './duel.js';
import { FakeSwtpm } from './fake-swtpm.js';
import {
  type DrivenHeadless,
  type DrivenProcess,
  startEmulator,
  startHeadless,
  until,
} from './peers.js';
import { Resources } from './resources.js';
import type { TrafficStep } from './traffic.js';

/** The step at which the TPM answers what it holds back. */
export const RELEASE: TrafficStep = { line: '(answer)', mayStart: false };

/**
 * What QEMU gets to apply an answer, in milliseconds: a thread of its own takes it, and the effect
 * may not show. The patient time is for making sure that a difference is none of timing.
 */
const TIME_TO_APPLY = { usual: 5, patient: 60 } as const;

/** What a step may take before it counts as hanging, in milliseconds. */
const STEP_LIMIT = 10_000;

/** A response to any command: of a length that depends on it. */
function answerTo(command: string): string {
  if (command.length < 20) return '00c40000000a00000009';
  const length = 10 + ([...Buffer.from(command, 'hex')].reduce((sum, byte) => sum + byte) % 40);
  return `8001${length.toString(16).padStart(8, '0')}00000000${'a7'.repeat(length - 10)}`;
}

/**
 * A QEMU and a headless machine, each with a peer that holds every answer back until a step
 * releases it, so that accesses meet a command in execution.
 */
export class HeldDuel {
  readonly #choice: DuelChoice;
  readonly #qemu: DrivenProcess;
  readonly #ours: DrivenHeadless;
  readonly #peers: readonly [FakeSwtpm, FakeSwtpm];
  readonly #fingerprint: readonly string[];
  #holding = false;
  #timeToApply: number = TIME_TO_APPLY.usual;

  private constructor(
    choice: DuelChoice,
    qemu: DrivenProcess,
    ours: DrivenHeadless,
    peers: readonly [FakeSwtpm, FakeSwtpm],
  ) {
    this.#choice = choice;
    this.#qemu = qemu;
    this.#ours = ours;
    this.#peers = peers;
    this.#fingerprint = choice.device.fingerprint(choice.base);
  }

  /** TPM commands that were sent. */
  get commands(): number {
    return this.#ours.commands;
  }

  /** Starts both sides. */
  static async start(resources: Resources, choice: DuelChoice): Promise<HeldDuel> {
    const properties = { version: choice.version, bufferSize: 4096, established: true };
    const peers = [
      await FakeSwtpm.start(resources, properties, answerTo),
      await FakeSwtpm.start(resources, properties, answerTo),
    ] as const;
    const backend = await connectSwtpm({ controlPath: peers[1].controlPath });
    resources.add(() => backend.close());
    // A held answer would keep the end waiting.
    resources.add(() => peers[1].release());
    const qemu = await startEmulator(resources, choice, peers[0].controlPath);
    const ours = await startHeadless(resources, choice, backend);
    const duel = new HeldDuel(choice, qemu, ours, peers);
    for (const peer of peers) peer.hold();
    const { controller, pin } = choice;
    await compareAnswers(qemu, ours, [`irq_intercept_in ${controller}`], pin);
    return duel;
  }

  /** Plays steps on fresh machines and with patience. @returns the first difference */
  static async replay(
    choice: DuelChoice,
    steps: readonly TrafficStep[],
  ): Promise<Difference | undefined> {
    const resources = new Resources();
    try {
      const duel = await HeldDuel.start(resources, choice);
      duel.#timeToApply = TIME_TO_APPLY.patient;
      return await duel.play(steps);
    } finally {
      await resources.release();
    }
  }

  /** Plays steps on both. @returns the first difference */
  async play(steps: readonly TrafficStep[]): Promise<Difference | undefined> {
    for (const [index, step] of steps.entries()) {
      const limit = new AbortController();
      const difference = await Promise.race([
        this.#step(step),
        sleep(
          STEP_LIMIT,
          { index, step: step.line, qemu: 'hangs', ours: 'hangs' },
          { signal: limit.signal },
        ),
      ]);
      limit.abort();
      if (difference !== undefined) return { ...difference, index };
    }
    return undefined;
  }

  async #step(step: TrafficStep): Promise<Difference | undefined> {
    if (step === RELEASE) return await this.#release();
    if (step.line === '') {
      const difference = await this.#release();
      const resets = await Promise.all([this.#qemu.beginReset(), this.#ours.beginReset()]);
      await Promise.all(resets.map(({ done }) => done));
      return difference;
    }
    if (step.mayStart && !this.#holding) {
      const { device, base } = this.#choice;
      if ((await device.watch(this.#ours, base)).isShorterThanHeader) return undefined;
    }
    const before = this.commands;
    const difference = await compareAnswers(this.#qemu, this.#ours, [step.line], this.#choice.pin);
    if (difference !== undefined) return difference;
    if (this.commands === before) return undefined;
    this.#holding = true;
    for (const peer of this.#peers) await until(() => peer.hasCommand, 'a command to be sent');
    const [theirs, ours] = this.#peers.map(({ received }) => JSON.stringify(received.at(-1)));
    return theirs === ours ? undefined : { index: 0, step: step.line, qemu: theirs!, ours: ours! };
  }

  /** Lets both peers answer, then waits until what shows of it is the same. */
  async #release(): Promise<Difference | undefined> {
    if (!this.#holding) return undefined;
    this.#holding = false;
    for (const peer of this.#peers) {
      peer.release();
      peer.hold();
    }
    await this.#ours.machine.tpm?.settled();
    await sleep(this.#timeToApply);
    return await compareAnswers(this.#qemu, this.#ours, this.#fingerprint, this.#choice.pin);
  }
}
