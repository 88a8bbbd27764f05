export { COMMAND_LINE, FLAVOURS, type Flavour } from './flavours.js';
export { GuestError, type GuestErrorCode } from './guest-error.js';
export type { Mirror } from './mirror.js';
export { type ArchiveEntry, writeNewc } from './newc.js';
export {
  defaultCacheDirectory,
  type GuestImage,
  type PrepareGuestOptions,
  prepareGuest,
} from './prepare-guest.js';
export type { ProgramResult, RunProgram } from './program.js';
export { type GuestProgress, type ProgressDisplay, progressDisplay } from './progress.js';
export {
  GUEST_PROMPT,
  GUEST_READY,
  PROOF_BEGIN,
  PROOF_END,
  parseProof,
  RUN_EXIT,
  type TpmProof,
} from './proof.js';
export type { UnpackPackage } from './unpack.js';
