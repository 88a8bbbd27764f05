import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { oneOf, restricted, UINT8, UINT16, UINT32, type WireType } from './wire-type.js';

/** Session types (TPM 2.0 Library, Part 2, section 6.11, TPM_SE). */
export const TPM_SE = { HMAC: 0x00, POLICY: 0x01, TRIAL: 0x03 } as const;

/** A session type. */
export const TPM_SE_TYPE: WireType<number> = oneOf(
  UINT8,
  Object.values(TPM_SE),
  TPM_RC_FORMAT_ONE.VALUE,
);

/** Arithmetic operands of PolicyNV and PolicyCounterTimer (Part 2, section 6.8, TPM_EO). */
export const TPM_EO = {
  EQ: 0x0000,
  NEQ: 0x0001,
  SIGNED_GT: 0x0002,
  UNSIGNED_GT: 0x0003,
  SIGNED_LT: 0x0004,
  UNSIGNED_LT: 0x0005,
  SIGNED_GE: 0x0006,
  UNSIGNED_GE: 0x0007,
  SIGNED_LE: 0x0008,
  UNSIGNED_LE: 0x0009,
  BITSET: 0x000a,
  BITCLEAR: 0x000b,
} as const;

/** An arithmetic operand. */
export const TPM_EO_TYPE: WireType<number> = oneOf(
  UINT16,
  Object.values(TPM_EO),
  TPM_RC_FORMAT_ONE.VALUE,
);

/** Steps of ClockRateAdjust, -3 to 3 (Part 2, section 6.7, TPM_CLOCK_ADJUST). */
export const TPM_CLOCK_ADJUST: WireType<number> = {
  unmarshal(reader) {
    const value = (reader.uint8() << 24) >> 24;
    if (value < -3 || value > 3) reader.fail(TPM_RC_FORMAT_ONE.VALUE);
    return value;
  },
  marshal: (writer, value) => void writer.uint8(value & 0xff),
};

/** A capability; what isn't known is refused by the command (Part 2, section 6.12). */
export const TPM_CAP_TYPE: WireType<number> = restricted(
  UINT32,
  (capability) => capability <= 10,
  TPM_RC_FORMAT_ONE.VALUE,
);
