/** How firmware learns of the TPM, and where it puts the event log. */
export interface FirmwareSide {
  /** Name of the arrangement; a saved state has to agree with it. */
  readonly name: string;
  /** Hands everything out, once, when the machine is created. @throws TpmdevError when that fails */
  publish(): void;
  /** Machine reset: the event log is empty. */
  reset(): void;
  /** @returns a copy of the event log's memory; `undefined` when it has no place yet */
  eventLog(): Uint8Array | undefined;
  /** @returns what isn't in guest memory, plain data; `null` for nothing */
  snapshot(): unknown;
  /** @throws TpmdevError when the snapshot doesn't fit; nothing is changed then */
  restore(snapshot: unknown): void;
}
