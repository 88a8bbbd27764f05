import { ScriptedBackend } from '@tpmdev/testing/scripted-backend';
import type { TpmVersion } from 'tpm-core';
import { PpiExecutor, type PpiExecutorOptions } from '../src/ppi-executor.js';
import { PpiMemory } from '../src/ppi-memory.js';

/** An executor and what it works on. */
export interface Bench {
  readonly memory: PpiMemory;
  readonly backend: ScriptedBackend;
  readonly executor: PpiExecutor;
  /** What was sent, in order. */
  sent(): string[];
}

/** An executor with a scripted TPM and a person who agrees, unless said otherwise. */
export function bench(
  options: Partial<PpiExecutorOptions> & {
    readonly tpmVersion?: TpmVersion;
    readonly responses?: readonly string[];
  } = {},
): Bench {
  const { tpmVersion = '2.0', responses = [], ...rest } = options;
  const memory = new PpiMemory();
  const backend = new ScriptedBackend({ tpmVersion, responses });
  const executor = new PpiExecutor({ memory, backend, confirm: () => true, ...rest });
  return {
    memory,
    backend,
    executor,
    sent: () => backend.exchanges.map(({ command }) => command),
  };
}

/** What the guest's `_DSM` leaves behind. */
export function request(memory: PpiMemory, operation: number, parameter = 0): void {
  memory.setWord('pprq', operation);
  memory.setWord('pprm', parameter);
}
