import type { Tpm } from './tpm.js';

/** _TPM_Hash_Start (Part 3, section 22.9). */
export function hashStart(tpm: Tpm): void {
  tpm.state.volatile.hashSequence = [];
}

/** _TPM_Hash_Data (Part 3, section 22.10). */
export function hashData(tpm: Tpm, bytes: Uint8Array): void {
  if (tpm.state.volatile.hashSequence === undefined || bytes.length === 0) return;
}

/** _TPM_Hash_End (Part 3, section 22.11). */
export function hashEnd(tpm: Tpm): void {
  tpm.state.volatile.hashSequence = undefined;
}
