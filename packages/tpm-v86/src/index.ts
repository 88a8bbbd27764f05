export { attachTpm } from './attach-tpm.js';
export type { AttachTpmOptions, TpmAttachment } from './attachment.js';
export { V86Error, type V86ErrorCode } from './error.js';
export type { V86Emulator } from './v86-members.js';
