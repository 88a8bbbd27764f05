export type { EmbeddedBackend, EmbeddedSnapshot } from './backend/embedded-backend.js';
export { EmbeddedTpmError, type EmbeddedTpmErrorCode } from './backend/error.js';
export { type EmbeddedOptions, openEmbedded } from './backend/open-embedded.js';
export { DEFAULT_IDENTITY, type TpmIdentity } from './identity.js';
export { type IndexedDbStoreOptions, indexedDbStore } from './store/indexed-db-store.js';
export { memoryStore } from './store/memory-store.js';
export {
  type StateStore,
  StateStoreError,
  type StateStoreErrorCode,
} from './store/state-store.js';
export { TPM_ALG, TPM_ECC } from './structures/algorithm-ids.js';
export { Tpm, type TpmOptions, type TpmState } from './tpm.js';
