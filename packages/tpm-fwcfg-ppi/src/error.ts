import { TpmdevError, type TpmdevErrorOptions } from 'tpm-core';

/**
 * What goes wrong with the firmware interface:
 *
 * - `'ERR_FWCFG_FILE'`: a fw_cfg file can't be added, its generator is broken, or there is no file
 *   of that name
 * - `'ERR_FWCFG_MEMORY'`: the device was given no guest memory, which the requested use needs
 * - `'ERR_TABLE_LOADER'`: a table-loader script can't be built from the description; see
 *   `LoaderError` for a script that can't be executed
 * - `'ERR_LOADER_SCRIPT'`: a table-loader script can't be executed
 * - `'ERR_PPI'`: a request to the physical presence interface can't be carried out
 * - `'ERR_EVENT_LOG'`: an event log is malformed, or an event doesn't fit in it
 */
export type FirmwareInterfaceErrorCode =
  | 'ERR_FWCFG_FILE'
  | 'ERR_FWCFG_MEMORY'
  | 'ERR_TABLE_LOADER'
  | 'ERR_LOADER_SCRIPT'
  | 'ERR_PPI'
  | 'ERR_EVENT_LOG';

/** An error of this package; {@link FirmwareInterfaceErrorCode} lists its codes. */
export class FirmwareInterfaceError extends TpmdevError {
  /** @param message what failed, with which value, and the way out */
  constructor(code: FirmwareInterfaceErrorCode, message: string, options: TpmdevErrorOptions = {}) {
    super(code, message, options);
  }
}
