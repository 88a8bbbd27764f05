// What the back end takes from its host where the host gives nothing: browsers and Node have it
// alike. Types of its own, so that nothing else of either slips in.

import type { Clock, RandomSource } from 'tpm-core';

/** Part of the global object: High Resolution Time, Web Cryptography, HTML's message channels. */
interface HostGlobals {
  readonly performance: { now(): number };
  readonly crypto: { getRandomValues(bytes: Uint8Array): unknown };
  readonly MessageChannel: new () => { readonly port1: Port; readonly port2: Port };
}

interface Port {
  onmessage: (() => void) | null;
  postMessage(message: undefined): void;
  close(): void;
}

/** Most bytes that one call of getRandomValues gives. */
const RANDOM_CHUNK = 65_536;

function host(): HostGlobals {
  return globalThis as unknown as HostGlobals;
}

/** The host's monotonic clock. */
export const HOST_CLOCK: Clock = { now: () => host().performance.now() };

/** The host's cryptographic random numbers. */
export const HOST_RANDOM: RandomSource = {
  fill(target) {
    for (let offset = 0; offset < target.length; offset += RANDOM_CHUNK) {
      host().crypto.getRandomValues(target.subarray(offset, offset + RANDOM_CHUNK));
    }
  },
};

/**
 * Lets the host's other tasks run: a message to oneself, which no browser slows down as it does
 * timers. The channel exists during the pause only, so that an idle TPM keeps no process alive.
 *
 * @returns a promise that resolves in a later task
 */
export function pauseForOtherTasks(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new (host().MessageChannel)();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
