import type { TpmBackend, TpmFrontEnd } from 'tpm-core';
import { memoryClearRequest, PpiExecutor, PpiMemory } from '../src/ppi.js';

interface Machine {
  readonly ram: Uint8Array;
  readonly frontEnd: TpmFrontEnd;
  readonly backend: TpmBackend;
  /** Asks the person at the machine. */
  ask(question: string): Promise<boolean>;
}

/** Returns what to call at power-on and at each reset, before the guest runs. */
export function plugPpi({ ram, frontEnd, backend, ask }: Machine) {
  const memory = new PpiMemory(); // map it at PPI_ADDRESS
  const confirm = ({ name, parameter }: { name: string; parameter: number }) =>
    ask(`The operating system asks for TPM operation ${name} (${parameter}). Go ahead?`);
  const executor = new PpiExecutor({ memory, backend, confirm });
  const reset = async (): Promise<void> => {
    const request = memoryClearRequest(memory, [{ address: 0, length: ram.length }]);
    for (const { address, length } of request?.ranges ?? []) ram.fill(0, address, address + length);
    await frontEnd.reset();
    executor.initialise();
    while ((await executor.execute()).resetDue) await frontEnd.reset();
  };
  return { memory, reset };
}
