export { TPM_ALG, TPM_ECC } from './structures/algorithm-ids.js';
