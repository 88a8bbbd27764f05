import { createHash } from 'node:crypto';
import { HASH_ALGORITHM, type HashFunction, type HashFunctions } from '../src/event-log.js';

function hash(name: string): HashFunction {
  return (data) => Uint8Array.from(createHash(name).update(data).digest());
}

/** The hash functions of the banks that tests meet. */
export const HASHES: HashFunctions = new Map([
  [HASH_ALGORITHM['SHA-1'], hash('sha1')],
  [HASH_ALGORITHM['SHA-256'], hash('sha256')],
  [HASH_ALGORITHM['SHA-384'], hash('sha384')],
  [HASH_ALGORITHM['SHA-512'], hash('sha512')],
]);
