export { FirmwareInterfaceError, type FirmwareInterfaceErrorCode } from './error.js';
