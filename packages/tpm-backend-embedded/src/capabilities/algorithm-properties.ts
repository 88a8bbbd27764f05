import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { AlgorithmProperty } from '../structures/capability-data.js';

/** TPMA_ALGORITHM (Part 2, section 8.2). */
const TPMA_ALGORITHM = {
  asymmetric: 0x001,
  symmetric: 0x002,
  hash: 0x004,
  object: 0x008,
  signing: 0x100,
  encrypting: 0x200,
  method: 0x400,
} as const;

const { asymmetric, symmetric, hash, object, signing, encrypting, method } = TPMA_ALGORITHM;

/** The implemented algorithms by identifier. */
export const ALGORITHM_PROPERTIES: readonly AlgorithmProperty[] = [
  [TPM_ALG.RSA, asymmetric | object],
  [TPM_ALG.SHA1, hash],
  [TPM_ALG.HMAC, hash | signing],
  [TPM_ALG.AES, symmetric],
  [TPM_ALG.MGF1, hash | method],
  [TPM_ALG.KEYEDHASH, hash | object | signing | encrypting],
  [TPM_ALG.XOR, hash | symmetric],
  [TPM_ALG.SHA256, hash],
  [TPM_ALG.SHA384, hash],
  [TPM_ALG.SHA512, hash],
  [TPM_ALG.RSASSA, asymmetric | signing],
  [TPM_ALG.RSAES, asymmetric | encrypting],
  [TPM_ALG.RSAPSS, asymmetric | signing],
  [TPM_ALG.OAEP, asymmetric | encrypting],
  [TPM_ALG.ECDSA, asymmetric | signing],
  [TPM_ALG.ECDH, asymmetric | method],
  [TPM_ALG.ECDAA, asymmetric | signing],
  [TPM_ALG.ECSCHNORR, asymmetric | signing],
  [TPM_ALG.KDF1_SP800_56A, hash | method],
  [TPM_ALG.KDF1_SP800_108, hash | method],
  [TPM_ALG.ECC, asymmetric | object],
  [TPM_ALG.SYMCIPHER, object],
  [TPM_ALG.CTR, symmetric | encrypting],
  [TPM_ALG.OFB, symmetric | encrypting],
  [TPM_ALG.CBC, symmetric | encrypting],
  [TPM_ALG.CFB, symmetric | encrypting],
  [TPM_ALG.ECB, symmetric | encrypting],
].map(([alg, algProperties]) => ({ alg: alg!, algProperties: algProperties! }));
