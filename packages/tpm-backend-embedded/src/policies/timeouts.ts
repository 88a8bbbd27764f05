import type { SessionState } from '../state/session-state.js';
import type { Tpm } from '../tpm.js';

/** Bit of a ticket's timeout: the ticket was made without a nonce, and ends with a TPM Reset. */
const EXPIRES_ON_RESET = 1n << 63n;
const SECOND = 1000n;

/**
 * Tells when an authorization ends (Part 3, section 23.2.2).
 *
 * @param expiration seconds, negative where a ticket is asked for; 0 for no end
 * @param nonceTPM empty where `expiration` counts from power-on rather than from the session's start
 * @returns `time` in milliseconds at which the authorization ends; undefined for no end
 */
export function authorizationTimeout(
  tpm: Tpm,
  session: SessionState,
  expiration: number,
  nonceTPM: Uint8Array,
): bigint | undefined {
  if (expiration === 0) return undefined;
  const duration = BigInt(Math.abs(expiration)) * SECOND;
  // Without a nonce the end comes in the same millisecond of its second as this command.
  if (nonceTPM.length === 0) return duration + (tpm.state.volatile.time % SECOND);
  return duration + session.startTime;
}

/** @returns whether an authorization is over */
export function isOver(tpm: Tpm, timeout: bigint | undefined): boolean {
  return timeout !== undefined && timeout < tpm.state.volatile.time;
}

/** Takes an end over into the session; the earliest one counts. */
export function limitSession({ policy }: SessionState, timeout: bigint | undefined): void {
  if (timeout === undefined) return;
  if (policy.timeout === undefined || timeout < policy.timeout) policy.timeout = timeout;
}

/** @returns a timeout as tickets carry it, 8 bytes */
export function timeoutBytes(timeout: bigint, nonceTPM: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8);
  const value = nonceTPM.length === 0 ? timeout | EXPIRES_ON_RESET : timeout;
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

/** @returns the `time` in a ticket's timeout; undefined of other bytes than eight */
export function readTimeout(bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== 8) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0) & ~EXPIRES_ON_RESET;
}
