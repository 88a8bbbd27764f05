export { type FileStoreOptions, fileStore } from './store/file-store.js';
export {
  type StateStore,
  StateStoreError,
  type StateStoreErrorCode,
} from './store/state-store.js';
