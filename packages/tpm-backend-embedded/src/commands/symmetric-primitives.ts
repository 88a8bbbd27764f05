import { hashAlgorithm } from '../crypto/hash.js';
import { encryptDecrypt, hmac } from '../primitives/symmetric-primitives.js';
import { hashTicket } from '../sequences.js';
import {
  TPMI_ALG_CIPHER_MODE_OR_NULL,
  TPMI_ALG_HASH,
  TPMI_ALG_MAC_SCHEME_OR_NULL,
} from '../structures/algorithms.js';
import { TPM2B_DIGEST, TPM2B_IV, TPM2B_MAX_BUFFER, TPMI_YES_NO } from '../structures/buffers.js';
import { TPMI_DH_OBJECT, TPMI_RH_HIERARCHY } from '../structures/handles.js';
import { TPMT_TK_HASHCHECK } from '../structures/tickets.js';
import { type Command, command, user } from './command.js';

/** Symmetric primitives (TPM 2.0 Library, Part 3, section 15). */
export const SYMMETRIC_PRIMITIVES: readonly Command[] = [
  command(
    'EncryptDecrypt',
    {
      handles: { keyHandle: user(TPMI_DH_OBJECT) },
      parameters: {
        decrypt: TPMI_YES_NO,
        mode: TPMI_ALG_CIPHER_MODE_OR_NULL,
        ivIn: TPM2B_IV,
        inData: TPM2B_MAX_BUFFER,
      },
      response: { outData: TPM2B_MAX_BUFFER, ivOut: TPM2B_IV },
    },
    (tpm, input) => encryptDecrypt(tpm, input, { mode: 2, ivIn: 3, inData: 4 }),
  ),
  command(
    'EncryptDecrypt2',
    {
      handles: { keyHandle: user(TPMI_DH_OBJECT) },
      parameters: {
        inData: TPM2B_MAX_BUFFER,
        decrypt: TPMI_YES_NO,
        mode: TPMI_ALG_CIPHER_MODE_OR_NULL,
        ivIn: TPM2B_IV,
      },
      response: { outData: TPM2B_MAX_BUFFER, ivOut: TPM2B_IV },
    },
    (tpm, input) => encryptDecrypt(tpm, input, { mode: 3, ivIn: 4, inData: 1 }),
  ),
  command(
    'Hash',
    {
      parameters: { data: TPM2B_MAX_BUFFER, hashAlg: TPMI_ALG_HASH, hierarchy: TPMI_RH_HIERARCHY },
      response: { outHash: TPM2B_DIGEST, validation: TPMT_TK_HASHCHECK },
    },
    (tpm, { data, hashAlg, hierarchy }) => {
      const outHash = hashAlgorithm(hashAlg)!.digest(data);
      return { outHash, validation: hashTicket(tpm, hierarchy, hashAlg, data, outHash) };
    },
  ),
  command(
    'HMAC',
    {
      handles: { handle: user(TPMI_DH_OBJECT) },
      parameters: { buffer: TPM2B_MAX_BUFFER, hashAlg: TPMI_ALG_MAC_SCHEME_OR_NULL },
      response: { outHMAC: TPM2B_DIGEST },
    },
    (tpm, { handle, buffer, hashAlg }) => hmac(tpm, handle, hashAlg, buffer),
  ),
];
