import type { TpmBackend } from 'tpm-core';

/**
 * What a platform tells its TPM beside commands and power. A back end may implement any of it; what
 * it doesn't have can't be signalled to it. Each method rejects when the TPM refuses.
 */
export interface PlatformSignals {
  /** _TPM_Hash_Start (TPM 2.0 Part 1, section 34): begins an H-CRTM or DRTM measurement. */
  hashStart(): Promise<void>;
  /** _TPM_Hash_Data. @param bytes the next piece of what is measured */
  hashData(bytes: Uint8Array): Promise<void>;
  /** _TPM_Hash_End: extends the PCR. */
  hashEnd(): Promise<void>;
  /** Asserts or withdraws physical presence (TPM 2.0 Part 3, TPM2_PP_Commands). */
  setPhysicalPresence(on: boolean): Promise<void>;
  /** Whether non-volatile memory can be used; commands that need it fail with TPM_RC_NV_UNAVAILABLE. */
  setNvAvailable(on: boolean): Promise<void>;
}

const NAMES: readonly (keyof PlatformSignals)[] = [
  'hashStart',
  'hashData',
  'hashEnd',
  'setPhysicalPresence',
  'setNvAvailable',
];

/** @returns those signals that are methods of the back end, bound to it */
export function platformSignalsOf(backend: TpmBackend): Partial<PlatformSignals> {
  const signals: Partial<Record<keyof PlatformSignals, unknown>> = {};
  for (const name of NAMES) {
    const method: unknown = Reflect.get(backend, name);
    if (typeof method === 'function') signals[name] = method.bind(backend);
  }
  return signals as Partial<PlatformSignals>;
}
