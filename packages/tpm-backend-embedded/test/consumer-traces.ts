import { fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import { readUint16, readUint32, TPM_CC, TPM_RC_WARNING, WireWriter } from 'tpm-core';
import type { EmbeddedBackend } from '../src/backend/embedded-backend.js';
import { openEmbedded } from '../src/backend/open-embedded.js';
import { type Command, marshalResponse } from '../src/commands/command.js';
import { findCommand, IMPLEMENTED_COMMANDS } from '../src/commands/command-table.js';
import type { TpmIdentity } from '../src/identity.js';
import { TPM_CAP, TPMS_CAPABILITY_DATA } from '../src/structures/capability-data.js';
import { Unmarshaller } from '../src/structures/wire-type.js';
import { answersDiffer } from './compare-answers.js';
import { ManualClock, RepeatableRandom } from './fresh-tpm.js';
import { commandRow } from './response-form.js';

/** A step of a trace: a command to the TPM, or one of swtpm's control channel. */
export interface TraceStep {
  readonly channel: 'data' | 'control';
  readonly send: string;
  readonly recv: string;
  /** Name of the command to the TPM. */
  readonly command?: string;
}

/** What a firmware, kernel or program sent to swtpm. */
export interface Trace {
  readonly name: string;
  readonly what: string;
  readonly steps: readonly TraceStep[];
}

/** All recorded consumers. */
export const TRACES: readonly Trace[] = (
  await fixtureJson<{ readonly traces: readonly Trace[] }>(
    new URL('../fixtures/consumer-traces.json.gz', import.meta.url),
  )
).traces;

/** What became of a trace. */
export interface TraceOutcome {
  /** Commands answered as recorded. */
  equal: number;
  /** Commands that are absent, by name. */
  readonly absent: Map<string, number>;
  /** Commands that need what an absent one would have made. */
  dependent: number;
  /** What isn't as recorded, a line each. */
  readonly problems: string[];
}

/** Identity of the recorded TPM. */
export const SWTPM_IDENTITY: Partial<TpmIdentity> = {
  manufacturer: 0x4942_4d00,
  firmwareVersion: [0x2019_1023, 0x0016_3636],
};

/** Commands of swtpm's control channel that a trace contains. */
const CONTROL = {
  getCapability: 0x01,
  init: 0x02,
  shutdown: 0x03,
  getEstablished: 0x04,
  setLocality: 0x05,
  stop: 0x0e,
  setDataDescriptor: 0x10,
  setBufferSize: 0x11,
  getInfo: 0x12,
} as const;

const STARTUP = '80010000000c000001440000';

/** Plays a trace to an embedded back end, step by step. */
export class TracePlayer {
  readonly outcome: TraceOutcome = { equal: 0, absent: new Map(), dependent: 0, problems: [] };
  readonly #backend: EmbeddedBackend;
  #bufferSize = 0;
  #locality: 0 | 1 | 2 | 3 | 4 = 0;
  #isOn = false;

  private constructor(backend: EmbeddedBackend) {
    this.#backend = backend;
  }

  /** Opens a new TPM; powers it, and starts it, where the trace begins with one that is. */
  static async open(trace: Trace): Promise<TracePlayer> {
    const options = { clock: new ManualClock(), random: new RepeatableRandom() };
    const player = new TracePlayer(await openEmbedded({ ...options, identity: SWTPM_IDENTITY }));
    const [first] = trace.steps.filter(({ channel }) => channel === 'data');
    if (!trace.steps.some((step) => isControl(step, CONTROL.init))) {
      await player.#powerOn();
      if (first!.send !== STARTUP) await player.execute(fromHex(STARTUP));
    }
    return player;
  }

  /** Ends the TPM. */
  close(): Promise<void> {
    return this.#backend.close();
  }

  /** Sends a command as it is. */
  readonly execute = async (command: Uint8Array): Promise<Uint8Array> => {
    const request = { command, locality: this.#locality, responseCapacity: 4096 };
    return (await this.#backend.execute(request)).response;
  };

  async #powerOn(): Promise<void> {
    await this.#backend.start({ bufferSize: this.#bufferSize });
    this.#isOn = true;
  }

  /** @returns whether the step was one of the control channel, and is done */
  async control(step: TraceStep): Promise<boolean> {
    if (step.channel !== 'control') return false;
    const bytes = fromHex(step.send);
    switch (readUint32(bytes, 0)) {
      case CONTROL.init:
        await this.#powerOn();
        break;
      case CONTROL.setLocality:
        this.#locality = bytes[4] as 0;
        break;
      case CONTROL.setBufferSize:
        if (readUint32(bytes, 4) !== 0) this.#bufferSize = readUint32(bytes, 4);
        break;
      case CONTROL.getEstablished:
        this.#expectEstablished(fromHex(step.recv)[4] === 1);
        break;
      case CONTROL.getCapability:
      case CONTROL.shutdown:
      case CONTROL.stop:
      case CONTROL.setDataDescriptor:
      case CONTROL.getInfo:
        // Of the process, not of the TPM.
        break;
      default:
        this.outcome.problems.push(`Control command ${step.send} isn't known to this test`);
    }
    return true;
  }

  #expectEstablished(recorded: boolean): void {
    if (this.#backend.established === recorded) return;
    this.outcome.problems.push(`Established flag is not ${recorded}`);
  }

  /** Sends a recorded command as it is and compares the answer with the recorded one. */
  async replay(step: TraceStep): Promise<Uint8Array | undefined> {
    const command = fromHex(step.send);
    const recorded = fromHex(step.recv);
    if (isRetry(recorded) || this.noteAbsent(command)) return undefined;
    const response = await this.execute(command);
    const difference = this.#isOn
      ? traceDifference(command, response, recorded)
      : // Nobody answers for a TPM without power but the back end.
        readUint32(response, 6) === 0 && 'success before the TPM has power';
    if (difference) {
      this.problem(
        command,
        `${difference}\n  answered ${toHex(response)}\n  recorded ${step.recv}`,
      );
    } else {
      this.outcome.equal++;
    }
    return response;
  }

  /** @returns whether the command is absent, and noted as such */
  noteAbsent(command: Uint8Array): boolean {
    const row = commandRow(command);
    if (row === undefined || row.action !== undefined) return false;
    const { absent } = this.outcome;
    absent.set(row.name, (absent.get(row.name) ?? 0) + 1);
    return true;
  }

  /** Notes that something isn't as recorded. */
  problem(command: Uint8Array, text: string): void {
    this.outcome.problems.push(`${commandRow(command)?.name ?? 'Command'}: ${text}`);
  }
}

function isControl(step: TraceStep, code: number): boolean {
  return step.channel === 'control' && readUint32(fromHex(step.send), 0) === code;
}

/** @returns whether libtpms asked for the command once more, which no other TPM need do */
export function isRetry(response: Uint8Array): boolean {
  return readUint32(response, 6) === TPM_RC_WARNING.RETRY;
}

/** @returns how an answer differs from the recorded one, or undefined */
function traceDifference(
  command: Uint8Array,
  response: Uint8Array,
  recorded: Uint8Array,
): string | undefined {
  const isCapability = command.length >= 10 && readUint32(command, 6) === TPM_CC.GetCapability;
  if (!isCapability || readUint32(recorded, 6) !== 0) {
    return answersDiffer(command, response, recorded);
  }
  const expected = toHex(expectedCapability(recorded));
  return toHex(response) === expected ? undefined : `expected ${expected}`;
}

/** TPM_PT_TOTAL_COMMANDS. */
const TOTAL_COMMANDS = 0x129;

/** @returns a recorded answer of GetCapability as it is for a TPM that has fewer commands */
function expectedCapability(recorded: Uint8Array): Uint8Array {
  const row = findCommand(TPM_CC.GetCapability) as Command;
  const reader = new Unmarshaller(recorded, 11);
  const value = TPMS_CAPABILITY_DATA.unmarshal(reader);
  const data =
    value.capability === TPM_CAP.COMMANDS
      ? value.data.filter((attributes) => findCommand(attributes & 0xffff) !== undefined)
      : value.capability === TPM_CAP.TPM_PROPERTIES
        ? value.data.map((one) =>
            one.property === TOTAL_COMMANDS ? { ...one, value: IMPLEMENTED_COMMANDS.length } : one,
          )
        : value.data;
  const writer = new WireWriter().bytes(recorded.subarray(0, 10));
  marshalResponse(row, writer, { moreData: recorded[10], capabilityData: { ...value, data } });
  return writer.patchUint32(2, writer.length).finish();
}

/** @returns handles of a command's handle area */
export function recordedHandles(row: Command, command: Uint8Array): number[] {
  return row.handles.map((_, index) => readUint32(command, 10 + 4 * index));
}

/** @returns parameters of a command, as they were on the wire */
export function recordedParameters(row: Command, command: Uint8Array): Uint8Array {
  const start = 10 + 4 * row.handles.length;
  const hasSessions = readUint16(command, 0) === 0x8002;
  return command.slice(hasSessions ? start + 4 + readUint32(command, start) : start);
}
