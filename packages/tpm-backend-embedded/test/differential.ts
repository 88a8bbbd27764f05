import { readUint32, TPM_CC } from 'tpm-core';
import { ORDERLY } from '../src/state/permanent-state.js';
import { commandCode, describeStep, type StreamStep } from './command-streams.js';
import { answersDiffer } from './compare-answers.js';
import { freshTpm } from './fresh-tpm.js';
import { commandRow } from './response-form.js';
import {
  ENDS_LOCKOUT,
  FORGETS_ALLOCATION,
  forgetsUse,
  REVIEWED_DIFFERENCES,
} from './reviewed-differences.js';
import { SavedContext } from './saved-context.js';
import { SwtpmPeer } from './swtpm-peer.js';

/** Least command that swtpm's data channel takes. */
const HEADER = 10;
/** Most runs of the search for a shorter stream. */
const SEARCH_LIMIT = 200;

/** What came of a comparison. */
export interface Comparison {
  /** Commands that both TPMs answered. */
  compared: number;
  /** Those that succeeded. */
  accepted: number;
  /** Reviewed differences by name. */
  readonly reviewed: Map<string, number>;
  /** The first difference that isn't reviewed, if there is one. */
  difference: { readonly at: number; readonly kind: string; readonly text: string } | undefined;
}

/** Both TPMs in the same state. */
class Pair {
  readonly #ours = freshTpm();
  readonly #theirs: SwtpmPeer;
  readonly #contexts = { ours: new SavedContext(), theirs: new SavedContext() };
  #isAllocationPending = false;
  #beganLocked = false;

  /** See {@link forgetsUse}. */
  #isUseForgotten(command: Uint8Array): boolean {
    return (
      this.#ours.state.permanent.orderly === ORDERLY.NONE_DA_USED &&
      !this.#ours.state.volatile.started &&
      forgetsUse(command)
    );
  }

  #isLocked(): boolean {
    const { failedTries, maxTries } = this.#ours.state.permanent;
    return failedTries >= maxTries;
  }

  constructor(swtpm: SwtpmPeer) {
    this.#theirs = swtpm;
  }

  /** @returns the command and the answers; undefined of a step without, or that can't be compared */
  async run(step: StreamStep) {
    if (step.type === 'init') {
      this.#ours.initialize();
      await this.#theirs.init();
      this.#isAllocationPending = false;
      return undefined;
    }
    if (step.type === 'hash') {
      this.#ours.hashStart();
      this.#ours.hashData(step.data);
      this.#ours.hashEnd();
      await this.#theirs.hash(step.data);
      return undefined;
    }
    const command = this.#contexts.ours.command(step)!;
    const code = commandCode(command);
    if (command.length < HEADER) return undefined;
    if (this.#isAllocationPending && FORGETS_ALLOCATION.includes(code)) return undefined;
    if (this.#isUseForgotten(command)) return undefined;
    if (this.#beganLocked && ENDS_LOCKOUT.includes(code)) return undefined;
    const locality = step.type === 'command' ? step.locality : 0;
    const theirCommand = this.#contexts.theirs.command(step)!;
    const theirs = await this.#theirs.execute(theirCommand, locality);
    const ours = this.#ours.execute(command, locality);
    this.#contexts.ours.note(command, ours);
    this.#contexts.theirs.note(theirCommand, theirs);
    if (code === TPM_CC.Startup && isSuccess(ours)) this.#beganLocked = this.#isLocked();
    if (code === TPM_CC.PCR_Allocate && isSuccess(theirs)) this.#isAllocationPending = true;
    return { command, ours, theirs, failure: this.#ours.failure };
  }
}

function isSuccess(response: Uint8Array): boolean {
  return readUint32(response, 6) === 0;
}

/** Sends a stream to a new TPM of each kind, up to the first difference that isn't reviewed. */
export async function compareStream(stream: readonly StreamStep[]): Promise<Comparison> {
  const result: Comparison = {
    compared: 0,
    accepted: 0,
    reviewed: new Map(),
    difference: undefined,
  };
  const swtpm = await SwtpmPeer.launch();
  try {
    const pair = new Pair(swtpm);
    for (const [at, step] of stream.entries()) {
      const answers = await pair.run(step);
      if (answers === undefined) continue;
      const { command, ours, theirs, failure } = answers;
      result.compared++;
      if (isSuccess(theirs)) result.accepted++;
      const text =
        failure === undefined
          ? answersDiffer(command, ours, theirs)
          : `failure: ${String(failure)}`;
      if (text === undefined) continue;
      const reviewed = REVIEWED_DIFFERENCES.find((one) => one.applies(command, ours, theirs));
      if (reviewed === undefined || failure !== undefined) {
        result.difference = { at, ...described(command, text, ours, theirs) };
        return result;
      }
      result.reviewed.set(reviewed.name, (result.reviewed.get(reviewed.name) ?? 0) + 1);
      // From here on their states differ.
      if (isSuccess(ours) !== isSuccess(theirs)) return result;
    }
    return result;
  } finally {
    await swtpm.close();
  }
}

function described(command: Uint8Array, text: string, ours: Uint8Array, theirs: Uint8Array) {
  const name = commandRow(command)?.name ?? 'unknown command';
  const [one, other] = [ours, theirs].map((bytes) => Buffer.from(bytes).toString('hex'));
  return { kind: `${name}: ${text}`, text: `${name}: ${text}\n  ours   ${one}\n  swtpm  ${other}` };
}

/** @returns the shortest stream found that shows the same difference */
export async function minimized(
  stream: readonly StreamStep[],
  { at, kind }: NonNullable<Comparison['difference']>,
): Promise<readonly StreamStep[]> {
  let best = stream.slice(0, at + 1);
  let runs = 0;
  for (let size = best.length >> 1; size >= 1; size >>= 1) {
    for (let start = 0; start + size <= best.length && runs < SEARCH_LIMIT; ) {
      const shorter = [...best.slice(0, start), ...best.slice(start + size)];
      runs++;
      const { difference } = await compareStream(shorter);
      if (difference?.kind === kind) best = shorter.slice(0, difference.at + 1);
      else start += size;
    }
  }
  return best;
}

/** @returns a report of a difference with a minimized stream */
export async function reportOf(
  stream: readonly StreamStep[],
  difference: NonNullable<Comparison['difference']>,
): Promise<string> {
  const shortest = await minimized(stream, difference);
  const steps = shortest.map((step, index) => `  ${index} ${describeStep(step)}`);
  return [difference.text, 'after', ...steps].join('\n');
}
