import { readFileSync, writeFileSync } from 'node:fs';
import { type CommandResult, GuestMachine, type GuestMachineOptions } from './guest-machine.js';

/** What a process does with a saved machine. */
export interface RestoreOrder {
  /** The machine; all values are plain data. */
  readonly options: GuestMachineOptions & { readonly wasmPath: string };
  /** File with the saved state. */
  readonly state: string;
  /** Commands for the guest's shell, one after the other. */
  readonly commands: readonly string[];
  /** File for the answer, a {@link RestoredRun} as JSON. */
  readonly answer: string;
}

/** What the guest did in the new process. */
export interface RestoredRun {
  readonly process: number;
  readonly results: readonly CommandResult[];
  /** Messages of what the attachment reported. */
  readonly errors: readonly string[];
}

/** Restores a machine with a new TPM in this process, and lets its guest go on. */
export async function runRestoredGuest(order: RestoreOrder): Promise<void> {
  const initialState = new Uint8Array(readFileSync(order.state)).buffer;
  const machine = await GuestMachine.start({ ...order.options, initialState });
  try {
    const results: CommandResult[] = [];
    for (const command of order.commands) results.push(await machine.run(command));
    const errors = machine.errors.map(({ message }) => message);
    const run: RestoredRun = { process: process.pid, results, errors };
    writeFileSync(order.answer, JSON.stringify(run));
  } finally {
    await machine.close();
  }
}
