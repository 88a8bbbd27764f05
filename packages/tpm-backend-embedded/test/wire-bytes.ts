import { WireWriter } from 'tpm-core';

/** @returns 16-bit numbers */
export function words(...values: readonly number[]): Uint8Array {
  const writer = new WireWriter();
  for (const value of values) writer.uint16(value);
  return writer.finish();
}

/** @returns a TPM2B */
export function sized(bytes: Uint8Array): Uint8Array {
  return new WireWriter().uint16(bytes.length).bytes(bytes).finish();
}

/** @returns byte strings one after the other */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
