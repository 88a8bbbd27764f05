import { TpmdevError } from 'tpm-core';

/** A guest's way to its TPM: one command in, one response out. */
export interface GuestTransport {
  /**
   * @param command a whole command
   * @returns the response
   * @throws GuestDriverError when the device doesn't follow its interface specification
   */
  transmit(command: Uint8Array): Promise<Uint8Array>;
}

/** The device behaved in a way that makes a guest driver give up. */
export class GuestDriverError extends TpmdevError {
  constructor(message: string) {
    super('ERR_GUEST_DRIVER', message);
  }
}

/** How a guest-side driver waits: polls and lets the host run in between. */
export interface Pacing {
  /** Gives the host a turn. */
  readonly turn: () => Promise<void>;
  /** Number of turns after which the driver gives up. */
  readonly limit: number;
}

/** Polls once per turn of the host's event loop; gives up after a million turns. */
export const EVENT_LOOP_PACING: Pacing = {
  turn: () => new Promise((resolve) => setImmediate(resolve)),
  limit: 1_000_000,
};

/**
 * Polls until a condition holds.
 *
 * @param what what is waited for, for the error message
 * @throws GuestDriverError after `pacing.limit` turns
 */
export async function poll(pacing: Pacing, what: string, condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns >= pacing.limit) {
      throw new GuestDriverError(`Waiting for ${what} gave up after ${pacing.limit} polls`);
    }
    await pacing.turn();
  }
}
