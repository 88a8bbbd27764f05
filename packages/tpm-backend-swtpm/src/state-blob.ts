import { readUint16, readUint32, type TpmVersion } from 'tpm-core';
import { STATE_BLOB_LIMIT, type StateBlobName } from './control-codes.js';

/** Header of a state blob; all numbers big endian. */
const HEADER = {
  /** Format version (1 byte). */
  version: { offset: 0, value: 2 },
  /** Header size (2 bytes). */
  headerSize: { offset: 2, value: 10 },
  /** Flags (2 bytes). */
  flags: { offset: 4 },
  /** Length of the blob with its header (4 bytes). */
  totalLength: { offset: 6 },
} as const;

/** Header flags. */
export const STATE_BLOB_HEADER_FLAG = {
  /** Inner data encrypted with the file key. */
  fileKey: 0x01,
  /** Outer data encrypted with the migration key. */
  migrationKey: 0x02,
  /** Container of GET_STATEBLOB. */
  migration: 0x04,
  fileKey256: 0x08,
  migrationKey256: 0x10,
} as const;

/** Offset of the TPM's own state in a plain blob: header and two records' heads. */
const PLAIN_STATE_OFFSET = 22;

/** What the TPM's own state starts with, in a plain blob, by contents. */
const SIGNATURES = [
  { version: '2.0', name: 'permanent', offset: PLAIN_STATE_OFFSET + 2, word: 0xab36_4723 },
  { version: '2.0', name: 'volatile', offset: PLAIN_STATE_OFFSET + 2, word: 0x4563_7889 },
  { version: '1.2', name: 'permanent', offset: PLAIN_STATE_OFFSET, word: 0x0001_0022 },
  { version: '1.2', name: 'volatile', offset: PLAIN_STATE_OFFSET, word: 0x0001_0001 },
] as const;

/**
 * Checks a state blob as far as it can be known without its keys; what the TPM put inside is opaque.
 *
 * @param blob bytes as GET_STATEBLOB gave them, not empty
 * @param name which of the TPM's states it should be
 * @param tpmVersion family of the TPM that should take it
 * @returns what is wrong, or `undefined`
 */
export function stateBlobDefect(
  blob: Uint8Array,
  name: StateBlobName,
  tpmVersion: TpmVersion,
): string | undefined {
  if (blob.length > STATE_BLOB_LIMIT) {
    return `has ${blob.length} bytes, at most ${STATE_BLOB_LIMIT} are possible`;
  }
  if (blob.length < HEADER.headerSize.value)
    return `has ${blob.length} bytes, less than its header`;
  const version = blob[HEADER.version.offset];
  if (version !== HEADER.version.value) return `has format version ${version}, expected 2`;
  const headerSize = readUint16(blob, HEADER.headerSize.offset);
  if (headerSize !== HEADER.headerSize.value) return `has header size ${headerSize}, expected 10`;
  const total = readUint32(blob, HEADER.totalLength.offset);
  if (total !== blob.length) return `has ${blob.length} bytes, its header says ${total}`;
  if (readUint16(blob, HEADER.flags.offset) !== STATE_BLOB_HEADER_FLAG.migration) return undefined;
  const found = SIGNATURES.find(({ offset, word }) => readUint32(blob, offset) === word);
  if (found === undefined || (found.version === tpmVersion && found.name === name))
    return undefined;
  return `is the ${found.name} state of a TPM ${found.version}, expected the ${name} state of a TPM ${tpmVersion}`;
}
