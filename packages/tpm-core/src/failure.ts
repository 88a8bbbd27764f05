import { HEADER_OFFSET, HEADER_SIZE, readUint32 } from './wire.js';

/** Command code of TPM_ContinueSelfTest (TPM 1.2 Part 3, ordinal 83). */
const TPM_ORD_CONTINUE_SELF_TEST = 0x0000_0053;

/**
 * The response that a back end gives when it can't obtain one: a TPM 1.2 response header with
 * `TPM_FAIL`, for both families.
 *
 * QEMU: the bytes are `00c4 0000000a 00000009` for a TPM 2.0 as well.
 *
 * @returns a new 10-byte array
 */
export function fabricateFailureResponse(): Uint8Array {
  return Uint8Array.of(0x00, 0xc4, 0, 0, 0, HEADER_SIZE, 0, 0, 0, 9);
}

/**
 * @param response what a TPM answered
 * @param capacity room for the response in bytes
 * @returns whether the size field equals the length and lies between 10 and `capacity`
 */
export function isWellFormedResponse(response: Uint8Array, capacity: number): boolean {
  return (
    response.length >= HEADER_SIZE &&
    response.length <= capacity &&
    readUint32(response, HEADER_OFFSET.size) === response.length
  );
}

/**
 * Whether an exchange marks the TPM's self test as done: the command code is 0x53
 * (TPM_ContinueSelfTest) and the response code is 0. QEMU: looked at whatever the family is;
 * TPM2_SelfTest doesn't count.
 *
 * @param command command bytes
 * @param response response bytes
 */
export function isSelfTestDone(command: Uint8Array, response: Uint8Array): boolean {
  return (
    command.length >= HEADER_SIZE &&
    response.length >= HEADER_SIZE &&
    readUint32(command, HEADER_OFFSET.code) === TPM_ORD_CONTINUE_SELF_TEST &&
    readUint32(response, HEADER_OFFSET.code) === 0
  );
}
