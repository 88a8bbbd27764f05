import { fixtureLines } from '@tpmdev/testing/fixture';
import { type Exchange, ScriptedBackend } from '@tpmdev/testing/scripted-backend';
import { readUnaligned, type TpmVersion, writeUnaligned } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { CrbDevice } from './crb-device.js';
import { CRB_BASE_ADDRESS, CRB_REGION_SIZE } from './registers.js';

type Step = readonly [string, ...(string | number)[]];

interface Trace {
  readonly name: string;
  readonly tpm: TpmVersion;
  readonly props: { readonly ppi?: string };
  readonly backend: { readonly bufferSize: number; readonly established: boolean };
  readonly steps: readonly Step[];
  /** The response is `null` where the back end fails. */
  readonly exchange: readonly (Omit<Exchange, 'response'> & { readonly response: string | null })[];
  readonly control: readonly (readonly [string, ...number[]])[];
}

const traces = await fixtureLines<Trace>(
  new URL('../fixtures/crb-qemu72.jsonl.gz', import.meta.url),
);

const FAILURE = '00c40000000a00000009';

/** PPI memory of the platform, and the byte in it whose bit 0 asks for all memory to be cleared. */
const PPI = { address: 0xfed4_5000, size: 0x400, memoryOverwrite: 0x15a } as const;

/** The part of a machine around the device that the recordings touch. */
class Replay {
  readonly backend: ScriptedBackend;
  readonly device: CrbDevice;
  readonly ppi: Uint8Array;
  #reset: Promise<unknown> = Promise.resolve();
  #isHeld = false;

  constructor(trace: Trace) {
    this.backend = new ScriptedBackend({
      tpmVersion: trace.tpm,
      ...trace.backend,
      responses: trace.exchange.map((exchange) => exchange.response ?? FAILURE),
    });
    this.device = new CrbDevice({ backend: this.backend });
    this.ppi = new Uint8Array(trace.props.ppi === 'off' ? 0 : PPI.size);
  }

  read(address: number, width: number): bigint {
    const bytes = new Uint8Array(width);
    if (address < CRB_BASE_ADDRESS + CRB_REGION_SIZE) {
      readUnaligned(this.device.mmio, address - CRB_BASE_ADDRESS, bytes);
    } else if (address >= PPI.address) {
      for (let lane = 0; lane < width; lane++) {
        bytes[lane] = this.ppi[address - PPI.address + lane] ?? 0;
      }
    }
    return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
  }

  write(address: number, width: number, value: bigint): void {
    const bytes = Uint8Array.from({ length: width }, (_, lane) =>
      Number((value >> BigInt(8 * lane)) & 0xffn),
    );
    if (address < CRB_BASE_ADDRESS + CRB_REGION_SIZE) {
      writeUnaligned(this.device.mmio, address - CRB_BASE_ADDRESS, bytes);
    } else if (address >= PPI.address && address + width <= PPI.address + this.ppi.length) {
      this.ppi.set(bytes, address - PPI.address);
    }
  }

  #resetMachine(): void {
    const wanted = ((this.ppi[PPI.memoryOverwrite] ?? 0) & 1) !== 0;
    if (wanted) this.device.dataBuffer.fill(0);
    this.#reset = this.device.reset();
  }

  /** @returns what was seen and what the trace says about it */
  async step([action, first = 0, width = 0, ...values]: Step): Promise<[unknown, unknown]> {
    const [value = 0n, wanted = 0n] = values.map(BigInt);
    const address = Number(first);
    switch (action) {
      case 'w':
        this.write(address, Number(width), value);
        return [undefined, undefined];
      case 'r':
        // The recorded machine doesn't run during a reset.
        if (!this.#isHeld) await this.#reset;
        return [this.read(address, Number(width)), value];
      case 'wait':
        await this.#reset;
        await this.device.settled();
        return [this.read(address, Number(width)) & value, wanted];
      case 'reset':
        this.#resetMachine();
        return [undefined, undefined];
      case 'hold':
        this.#isHeld = true;
        this.backend.hold();
        return [undefined, undefined];
      case 'release':
        this.#isHeld = false;
        this.backend.release();
        return [undefined, undefined];
      case 'fail':
        this.backend.fail();
        return [undefined, undefined];
      case 'respond': // The answer is in `exchange` already.
        return [undefined, undefined];
    }
    throw new Error(`the trace has an unknown step ${action}`);
  }
}

describe('CrbDevice', () => {
  it('CrbDevice is compared with all 34 recordings', () => {
    expect(traces.length).toBe(34);
  });

  it.each(traces.map((trace) => [trace.name, trace] as const))(
    'CrbDevice answers access for access like QEMU 7.2 in %s',
    async (_, trace) => {
      const replay = new Replay(trace);
      await replay.device.reset();
      replay.backend.log.length = 0;
      for (const [index, step] of trace.steps.entries()) {
        const [seen, expected] = await replay.step(step);
        expect(seen, `step ${index} ${JSON.stringify(step)}`).toEqual(expected);
      }
      await replay.device.settled();
      expect(replay.backend.exchanges).toEqual(
        trace.exchange.map((exchange) => ({ ...exchange, response: exchange.response ?? FAILURE })),
      );
      const cancels = trace.control.filter(([name]) => name === 'cancel');
      expect(replay.backend.log.filter((entry) => entry === 'cancel').length).toBe(cancels.length);
      const resets = trace.steps.filter(([action]) => action === 'reset').length;
      const size = Math.min(trace.backend.bufferSize, 3968);
      expect(
        replay.backend.log.filter((entry) => /^(bufferSize|reset|start .*)$/.test(entry)),
      ).toEqual(
        Array.from({ length: resets }, () => ['reset', 'bufferSize', `start ${size}`]).flat(),
      );
    },
  );
});
