import { HASH_ALGORITHM, type HashFunctions } from 'tpm-fwcfg-ppi/event-log';

const digest = (name: string) => async (data: Uint8Array) =>
  new Uint8Array(await crypto.subtle.digest(name, data.slice()));

/** The browser's own hash functions, for replaying logs: not those of the TPM that is checked. */
export const BROWSER_HASHES: HashFunctions = new Map([
  [HASH_ALGORITHM['SHA-1'], digest('SHA-1')],
  [HASH_ALGORITHM['SHA-256'], digest('SHA-256')],
  [HASH_ALGORITHM['SHA-384'], digest('SHA-384')],
  [HASH_ALGORITHM['SHA-512'], digest('SHA-512')],
]);
