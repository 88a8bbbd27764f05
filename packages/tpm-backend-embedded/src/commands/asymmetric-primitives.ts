import { curveDetail, ecdhKeyGen, ecdhZGen } from '../primitives/ecdh-primitives.js';
import { rsaDecrypt, rsaEncrypt } from '../primitives/rsa-primitives.js';
import {
  TPMI_ECC_CURVE,
  TPMI_ECC_KEY_EXCHANGE,
  TPMT_RSA_DECRYPT_OR_NULL,
} from '../structures/algorithms.js';
import { TPM2B_DATA, TPM2B_ECC_POINT, TPM2B_PUBLIC_KEY_RSA } from '../structures/buffers.js';
import { TPMS_ALGORITHM_DETAIL_ECC } from '../structures/ecc-detail.js';
import { TPMI_DH_OBJECT } from '../structures/handles.js';
import { UINT16 } from '../structures/wire-type.js';
import { type Command, command, plain, user } from './command.js';

/** Asymmetric primitives (TPM 2.0 Library, Part 3, section 14). */
export const ASYMMETRIC_PRIMITIVES: readonly Command[] = [
  command(
    'RSA_Encrypt',
    {
      handles: { keyHandle: plain(TPMI_DH_OBJECT) },
      parameters: {
        message: TPM2B_PUBLIC_KEY_RSA,
        inScheme: TPMT_RSA_DECRYPT_OR_NULL,
        label: TPM2B_DATA,
      },
      response: { outData: TPM2B_PUBLIC_KEY_RSA },
    },
    rsaEncrypt,
  ),
  command(
    'RSA_Decrypt',
    {
      handles: { keyHandle: user(TPMI_DH_OBJECT) },
      parameters: {
        cipherText: TPM2B_PUBLIC_KEY_RSA,
        inScheme: TPMT_RSA_DECRYPT_OR_NULL,
        label: TPM2B_DATA,
      },
      response: { message: TPM2B_PUBLIC_KEY_RSA },
    },
    rsaDecrypt,
  ),
  command(
    'ECDH_KeyGen',
    {
      handles: { keyHandle: plain(TPMI_DH_OBJECT) },
      response: { zPoint: TPM2B_ECC_POINT, pubPoint: TPM2B_ECC_POINT },
    },
    (tpm, { keyHandle }) => ecdhKeyGen(tpm, keyHandle),
  ),
  command(
    'ECDH_ZGen',
    {
      handles: { keyHandle: user(TPMI_DH_OBJECT) },
      parameters: { inPoint: TPM2B_ECC_POINT },
      response: { outPoint: TPM2B_ECC_POINT },
    },
    (tpm, { keyHandle, inPoint }) => ecdhZGen(tpm, keyHandle, inPoint),
  ),
  command(
    'ECC_Parameters',
    {
      parameters: { curveID: TPMI_ECC_CURVE },
      response: { parameters: TPMS_ALGORITHM_DETAIL_ECC },
    },
    (_tpm, { curveID }) => ({ parameters: curveDetail(curveID) }),
  ),
  command('ZGen_2Phase', {
    handles: { keyA: user(TPMI_DH_OBJECT) },
    parameters: {
      inQsB: TPM2B_ECC_POINT,
      inQeB: TPM2B_ECC_POINT,
      inScheme: TPMI_ECC_KEY_EXCHANGE,
      counter: UINT16,
    },
    response: { outZ1: TPM2B_ECC_POINT, outZ2: TPM2B_ECC_POINT },
  }),
];
