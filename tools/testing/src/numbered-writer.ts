import { writeSync } from 'node:fs';
import { numberedState, numberOfState } from './numbered-state.ts';

interface Store {
  read(): Promise<Uint8Array | undefined>;
  write(state: Uint8Array): Promise<void>;
}

/**
 * For a process to be killed: writes numbered states to a store, each one number higher, and tells
 * the number on standard output when `write` has resolved. The first line is `begin`, before the
 * store is opened.
 */
export async function writeNumberedStates(open: () => Promise<Store>): Promise<never> {
  // Synchronous: an acknowledgement must not wait in this process, where the kill would take it.
  writeSync(1, 'begin\n');
  const store = await open();
  for (let number = numberOfState(await store.read()) + 1; ; number++) {
    await store.write(numberedState(number));
    writeSync(1, `${number}\n`);
  }
}
