import { CallSequence } from './call-sequence.js';
import type { StateStore } from './state-store.js';

/**
 * A store that lasts as long as the object: for tests and for TPMs that start afresh each time.
 * "Durable" means here that the next `read` finds the state.
 *
 * @param initial the state that the first `read` finds; copied
 *
 * @example
 * const store = memoryStore();
 * await store.write(Uint8Array.of(1, 2, 3));
 * await store.read(); // Uint8Array [1, 2, 3]
 */
export function memoryStore(initial?: Uint8Array): StateStore {
  const calls = new CallSequence('in memory');
  let current = initial?.slice();
  return {
    read: () => calls.run(async () => current?.slice()),
    write(state) {
      const copy = state.slice();
      return calls.run(async () => {
        current = copy;
      });
    },
    close: () => calls.close(async () => {}),
  };
}
