import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { FakeSwtpm } from './fake-swtpm.js';
import { type Driven, type PendingReset, until } from './peers.js';
import { readLine, writeLine } from './qtest-client.js';

type Step =
  | readonly ['w', address: string, size: number, value: string]
  | readonly ['r', address: string, size: number, expected: string]
  | readonly ['wait', address: string, size: number, mask: string, value: string]
  | readonly ['hold' | 'release' | 'fail' | 'reset']
  | readonly ['respond', response: string]
  | readonly ['irq', level: number];

/** One recording of accesses to a real device. */
export interface GoldenScript {
  readonly name: string;
  readonly device: string;
  readonly tpm: '1.2' | '2.0';
  readonly props: Readonly<Record<string, string | number>>;
  readonly backend: { readonly bufferSize: number; readonly established: boolean };
  readonly steps: readonly Step[];
  readonly exchange: readonly {
    readonly locality: number;
    readonly command: string;
    readonly response: string;
  }[];
  readonly control: readonly (string | number)[][];
}

/** What a driver writes to start a command: TPM_STS.tpmGo, or Start of the CRB's CTRL_START. */
const START_VALUE: Readonly<Record<string, bigint>> = { 'tpm-tis': 0x20n, 'tpm-crb': 0x01n };
/** TPM_STS in the pages of TIS, CTRL_START of the CRB. */
const START_OFFSET: Readonly<Record<string, number>> = { 'tpm-tis': 0x018, 'tpm-crb': 0x04c };
const PAGE = 0x1000;

/** Where the interrupt pins are, by the object path that both sides know. */
const CONTROLLER = 'ioapic';

/** @returns the recordings in a file of one JSON object per line, compressed or not */
export function readGolden(path: string): GoldenScript[] {
  const bytes = readFileSync(path);
  const text = path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  return text
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as GoldenScript);
}

/** Plays the steps of a recording on a machine. Throws at the first answer that differs. */
export class GoldenPlayer {
  readonly #driven: Driven;
  readonly #fake: FakeSwtpm;
  readonly #levels: Map<string, number> = new Map();
  readonly #pin: string;
  readonly #device: string;
  #seen = 0;
  #reset: PendingReset | undefined;

  constructor(driven: Driven, fake: FakeSwtpm, script: GoldenScript) {
    this.#driven = driven;
    this.#fake = fake;
    this.#device = script.device;
    this.#pin = String(script.props.irq ?? 5);
  }

  async play(script: GoldenScript): Promise<void> {
    await this.#driven.client.command(`irq_intercept_in ${CONTROLLER}`);
    for (const [index, step] of script.steps.entries()) {
      try {
        await this.#step(step);
      } catch (cause) {
        throw new Error(`${script.name}, step ${index} ${JSON.stringify(step)}: ${String(cause)}`, {
          cause,
        });
      }
    }
  }

  async #step(step: Step): Promise<void> {
    const { client } = this.#driven;
    switch (step[0]) {
      case 'w': {
        const line = writeLine(Number(step[1]), step[2], BigInt(step[3]));
        equal((await client.command(line)).answer, 'OK');
        if (this.#fake.holding && this.#isStart(step)) {
          await until(() => this.#fake.hasCommand, 'the command to reach the TPM');
        }
        break;
      }
      case 'r':
        equal(hex(await client.read(Number(step[1]), step[2])), hex(BigInt(step[3])));
        break;
      case 'wait': {
        const [, address, size, mask, value] = step;
        await until(
          async () => ((await client.read(Number(address), size)) & BigInt(mask)) === BigInt(value),
          readLine(Number(address), size),
        );
        break;
      }
      case 'hold':
        this.#fake.hold();
        break;
      case 'release':
        this.#fake.release();
        await this.#finishReset();
        break;
      case 'fail':
        this.#fake.fail();
        break;
      case 'respond':
        break;
      case 'irq':
        equal(this.#level(), step[1]);
        break;
      case 'reset':
        await this.#startReset();
        break;
    }
  }

  /** A reset during a command is over when the answer that is held back has come. */
  async #startReset(): Promise<void> {
    this.#reset = await this.#driven.beginReset();
    if (this.#fake.holding) return;
    await this.#finishReset();
  }

  async #finishReset(): Promise<void> {
    await this.#reset?.done;
    this.#reset = undefined;
  }

  #isStart([, address, , value]: Step & readonly ['w', ...unknown[]]): boolean {
    return (
      Number(address) % PAGE === START_OFFSET[this.#device] &&
      BigInt(value) === START_VALUE[this.#device]
    );
  }

  #level(): number {
    const log = this.#driven.client.interruptLog;
    for (; this.#seen < log.length; this.#seen++) {
      const [, change, pin] = log[this.#seen]!.split(' ');
      this.#levels.set(pin!, change === 'raise' ? 1 : 0);
    }
    return this.#levels.get(this.#pin) ?? 0;
  }
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`got ${String(actual)}, expected ${String(expected)}`);
}
