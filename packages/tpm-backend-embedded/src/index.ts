export { DEFAULT_IDENTITY, type TpmIdentity } from './identity.js';
export { TPM_ALG, TPM_ECC } from './structures/algorithm-ids.js';
export { Tpm, type TpmOptions, type TpmState } from './tpm.js';
