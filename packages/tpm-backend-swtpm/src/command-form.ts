import { HEADER_SIZE, readUint32, type TpmVersion } from 'tpm-core';

/** First word of the TCG prefix on the data channel. */
const TCG_PREFIX_COMMAND = 8;

/**
 * Why a command must not be written to swtpm's data channel.
 *
 * - Fewer than 10 bytes: swtpm waits for the rest and doesn't serve its control channel meanwhile.
 * - More than the buffer size: swtpm reads it as two commands.
 * - The TCG prefix (first word 8, TPM 2.0): it would let a guest choose its locality, for this and
 *   all later commands. No TPM 2.0 command starts with these bytes.
 *
 * A size field that disagrees with the length is no reason: swtpm answers it with an error.
 *
 * @param command command bytes of the guest
 * @param bufferSize buffer size in use, in bytes
 * @param tpmVersion family of the TPM
 * @returns the reason as a sentence without full stop, or `undefined` when it may be written
 */
export function commandDefect(
  command: Uint8Array,
  bufferSize: number,
  tpmVersion: TpmVersion,
): string | undefined {
  const length = command.length;
  if (length < HEADER_SIZE) {
    return `Command has ${length} bytes, a header alone has ${HEADER_SIZE}; not sent to swtpm`;
  }
  if (length > bufferSize) {
    return `Command has ${length} bytes, the buffer size is ${bufferSize}; not sent to swtpm`;
  }
  if (tpmVersion === '2.0' && readUint32(command, 0) === TCG_PREFIX_COMMAND) {
    return 'Command starts with the TCG prefix that sets the locality; not sent to swtpm';
  }
  return undefined;
}
