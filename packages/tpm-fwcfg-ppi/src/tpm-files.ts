import type { TpmVersion } from 'tpm-core';
import { FirmwareInterfaceError } from './error.js';
import { PPI_ADDRESS } from './ppi-layout.js';

/** Names of the fw_cfg files that the firmware side of a TPM consists of. */
export const FW_CFG_FILE = {
  /** All ACPI tables, back to back. */
  acpiTables: 'etc/acpi/tables',
  /** ACPI root system description pointer. */
  acpiRsdp: 'etc/acpi/rsdp',
  /** Table-loader script. */
  tableLoader: 'etc/table-loader',
  /** Memory for the TPM event log, all zero. */
  tpmLog: 'etc/tpm/log',
  /** Where the PPI memory is, see {@link tpmConfigFile}. */
  tpmConfig: 'etc/tpm/config',
} as const;

/** Length of `etc/tpm/log` in bytes when there is a TPM table (LAML); otherwise it is empty. */
export const TPM_LOG_SIZE = 0x1_0000;

/** Layout of `etc/tpm/config`; the address is little-endian. */
export const TPM_CONFIG = { ppiAddress: 0, tpmVersion: 4, ppiVersion: 5, size: 6 } as const;

/** What `etc/tpm/config` says. */
export interface TpmConfigDescription {
  /** TPM family; `undefined` is "unspecified". */
  readonly version?: TpmVersion | undefined;
  /** Guest-physical address of the PPI memory, 32 bits. Default 0xfed45000. */
  readonly ppiAddress?: number;
  /** Whether there is a PPI (version 1.30). Default `true`. QEMU: without it there is no file. */
  readonly ppi?: boolean;
}

/**
 * @returns the 6 bytes of `etc/tpm/config`
 * @throws FirmwareInterfaceError `ERR_FWCFG_FILE` when the address has more than 32 bits
 *
 * @example
 * tpmConfigFile({ version: '2.0' }); // 00 50 d4 fe 02 01
 */
export function tpmConfigFile(description: TpmConfigDescription): Uint8Array {
  const { version, ppiAddress = PPI_ADDRESS, ppi = true } = description;
  if (ppiAddress >>> 0 !== ppiAddress) {
    throw new FirmwareInterfaceError(
      'ERR_FWCFG_FILE',
      `PPI address ${ppiAddress} can't be written to etc/tpm/config; use an unsigned number of 32 bits`,
    );
  }
  const bytes = new Uint8Array(TPM_CONFIG.size);
  new DataView(bytes.buffer).setUint32(TPM_CONFIG.ppiAddress, ppiAddress, true);
  bytes[TPM_CONFIG.tpmVersion] = version === undefined ? 0 : version === '2.0' ? 2 : 1;
  bytes[TPM_CONFIG.ppiVersion] = ppi ? 1 : 0;
  return bytes;
}
