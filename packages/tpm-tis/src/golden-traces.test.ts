import { fixtureLines } from '@tpmdev/testing/fixture';
import { type Exchange, ScriptedBackend } from '@tpmdev/testing/scripted-backend';
import { readUnaligned, type TpmVersion, writeUnaligned } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { TIS_BASE_ADDRESS } from './registers.js';
import { TisDevice } from './tis-device.js';

type Step = readonly [string, ...(string | number)[]];

interface Trace {
  readonly name: string;
  readonly device: string;
  readonly tpm: TpmVersion;
  readonly props: { readonly irq?: number };
  readonly backend: { readonly bufferSize: number; readonly established: boolean };
  readonly steps: readonly Step[];
  readonly exchange: readonly Exchange[];
  readonly control: readonly (readonly [string, ...number[]])[];
}

const traces = await fixtureLines<Trace>(
  new URL('../fixtures/tis-qemu72.jsonl.gz', import.meta.url),
);

/** Address of `tpm-tis-device` on the platform bus of Arm `virt`. */
const SYSBUS_ADDRESS = 0x0c00_0000;

class Replay {
  readonly backend: ScriptedBackend;
  readonly device: TisDevice;
  readonly base: number;
  line = false;
  #reset: Promise<unknown> = Promise.resolve();

  constructor(trace: Trace) {
    this.backend = new ScriptedBackend({
      tpmVersion: trace.tpm,
      ...trace.backend,
      // The recorded TPM goes on to report the flag as it was.
      clearsEstablished: false,
      responses: trace.exchange.map((exchange) => exchange.response),
    });
    const isIsa = trace.device === 'tpm-tis';
    this.base = isIsa ? TIS_BASE_ADDRESS : SYSBUS_ADDRESS;
    this.device = new TisDevice({
      backend: this.backend,
      variant: isIsa ? 'isa' : 'sysbus',
      irq: {
        set: (asserted) => {
          this.line = asserted;
        },
      },
      ...(trace.props.irq === undefined ? {} : { irqNumber: trace.props.irq }),
    });
  }

  read(address: string | number, width: number): bigint {
    const bytes = new Uint8Array(width);
    readUnaligned(this.device.mmio, Number(address) - this.base, bytes);
    return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
  }

  write(address: string | number, width: number, value: bigint): void {
    const bytes = Uint8Array.from({ length: width }, (_, lane) =>
      Number((value >> BigInt(8 * lane)) & 0xffn),
    );
    writeUnaligned(this.device.mmio, Number(address) - this.base, bytes);
  }

  /** @returns what was seen and what the trace says about it */
  async step([action, first = 0, width = 0, ...values]: Step): Promise<[unknown, unknown]> {
    const [value = 0n, wanted = 0n] = values.map(BigInt);
    switch (action) {
      case 'w':
        this.write(first, Number(width), value);
        return [undefined, undefined];
      case 'r':
        return [this.read(first, Number(width)), value];
      case 'wait':
        await this.#reset;
        await this.device.settled();
        return [this.read(first, Number(width)) & value, wanted];
      case 'irq':
        return [this.line, first === 1];
      case 'reset':
        this.#reset = this.device.reset();
        return [undefined, undefined];
      case 'hold':
        this.backend.hold();
        return [undefined, undefined];
      case 'release':
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

/** What the control requests of the recorded back end are at the seam of the device. */
function expectedCalls(trace: Trace): string[] {
  return trace.control
    .filter(([name]) => name === 'cancel' || name === 'reset_established')
    .map(([name]) => name);
}

function seenCalls(log: readonly string[]): string[] {
  return log
    .filter((entry) => entry === 'cancel' || entry.startsWith('resetEstablished'))
    .map((entry) => (entry === 'cancel' ? entry : 'reset_established'));
}

describe('TisDevice', () => {
  it('TisDevice is compared with all 48 recordings', () => {
    expect(traces.length).toBe(48);
  });

  it.each(traces.map((trace) => [trace.name, trace] as const))(
    'TisDevice answers access for access like QEMU 7.2 in %s',
    async (_, trace) => {
      const replay = new Replay(trace);
      await replay.device.reset();
      replay.backend.log.length = 0;
      for (const [index, step] of trace.steps.entries()) {
        const [seen, expected] = await replay.step(step);
        expect(seen, `step ${index} ${JSON.stringify(step)}`).toEqual(expected);
      }
      await replay.device.settled();
      expect(replay.backend.exchanges).toEqual(trace.exchange);
      expect(seenCalls(replay.backend.log)).toEqual(expectedCalls(trace));
      const resets = trace.steps.filter(([action]) => action === 'reset').length;
      expect(
        replay.backend.log.filter((entry) => /^(bufferSize|reset|start .*)$/.test(entry)),
      ).toEqual(
        Array.from({ length: resets }, () => [
          'bufferSize',
          'reset',
          `start ${trace.backend.bufferSize}`,
        ]).flat(),
      );
    },
  );
});
