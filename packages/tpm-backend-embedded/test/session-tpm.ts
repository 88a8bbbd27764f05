import { TPM_CC, WireReader } from 'tpm-core';
import type { Tpm } from '../src/tpm.js';
import { freshTpm, ManualClock } from './fresh-tpm.js';
import { SessionClient } from './session-client.js';

/** A TPM with a clock to move and a caller that uses sessions. */
export interface SessionTpm {
  readonly tpm: Tpm;
  readonly clock: ManualClock;
  readonly client: SessionClient;
  /** Locality of what the client sends. */
  locality: number;
  /** Pulls the plug and starts again with Startup(CLEAR). */
  restart(): Promise<void>;
  /** Shutdown(CLEAR). */
  shutdown(): Promise<void>;
  /** TPM_PT_LOCKOUT_COUNTER, as GetCapability tells it. */
  failedTries(): Promise<number>;
}

/** @returns a fresh TPM after Startup(CLEAR) */
export async function sessionTpm(): Promise<SessionTpm> {
  const clock = new ManualClock();
  const tpm = freshTpm({ clock });
  const client = new SessionClient((command) => tpm.execute(command, bench.locality));
  const succeed = async (code: number, parameters: Uint8Array): Promise<Uint8Array> => {
    const reply = await client.call({ code, parameters });
    if (reply.code !== 0) throw new Error(`Refused with 0x${reply.code.toString(16)}`);
    return reply.parameters;
  };
  const bench: SessionTpm = {
    tpm,
    clock,
    client,
    locality: 0,
    async restart() {
      tpm.initialize();
      await succeed(TPM_CC.Startup, Uint8Array.of(0, 0));
    },
    async shutdown() {
      await succeed(TPM_CC.Shutdown, Uint8Array.of(0, 0));
    },
    async failedTries() {
      const property = Uint8Array.of(0, 0, 0, 6, 0, 0, 2, 0x0e, 0, 0, 0, 1);
      const answer = await succeed(TPM_CC.GetCapability, property);
      return new WireReader(answer.subarray(-4)).uint32();
    },
  };
  await bench.restart();
  return bench;
}
