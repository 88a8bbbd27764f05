import type { BackendEvent, Locality, TpmResult } from 'tpm-core';
import { connectSwtpm } from '../src/connect.js';
import type { SwtpmTimeLimits } from '../src/open.js';
import type { SwtpmBackend } from '../src/swtpm-backend.js';
import { fromHex, ScriptedSwtpm } from './scripted-swtpm.js';

/** The failure response that a back end makes up. */
export const FAILURE = '00c40000000a00000009';
/** A TPM 2.0 response without parameters. */
export const SUCCESS = '80010000000a00000000';
/** TPM2_Startup(CLEAR). */
export const STARTUP = fromHex('80010000000c000001440000');

/** A back end, its scripted peer, and what it reported. */
export interface Bench {
  readonly peer: ScriptedSwtpm;
  readonly backend: SwtpmBackend;
  readonly events: BackendEvent[];
  run(command?: Uint8Array, locality?: Locality, responseCapacity?: number): Promise<TpmResult>;
}

/** A back end on a scripted peer, started unless said otherwise. */
export async function bench(
  options: {
    readonly tpmVersion?: '1.2' | '2.0';
    readonly timeLimits?: SwtpmTimeLimits;
    readonly prepare?: (peer: ScriptedSwtpm) => void;
    readonly stopped?: boolean;
  } = {},
): Promise<Bench> {
  const peer = new ScriptedSwtpm(options.tpmVersion);
  options.prepare?.(peer);
  const events: BackendEvent[] = [];
  const backend = await connectSwtpm({
    control: peer.control,
    data: peer.data,
    timeLimits: options.timeLimits ?? {},
    onEvent: (event) => events.push(event),
  });
  if (options.stopped !== true) await backend.start({ bufferSize: 4096 });
  peer.clear();
  const run = (command = STARTUP, locality: Locality = 0, responseCapacity = 4096) =>
    backend.execute({ command, locality, responseCapacity });
  return { peer, backend, events, run };
}

/** Events as `'type CODE'`. */
export const codes = (events: readonly BackendEvent[]): string[] =>
  events.map(({ type, error }) => `${type} ${error.code}`);
