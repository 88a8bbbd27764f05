import * as aml from './aml/index.js';
import { concatenate } from './little-endian.js';
import { acpiTable, type OemOptions } from './table.js';
import { type TpmDeviceOptions, tpmDevice } from './tpm-device.js';

/** A table whose content is AML. */
export interface DefinitionBlockOptions extends OemOptions {
  readonly signature: 'DSDT' | 'SSDT';
  /**
   * Revision of the table. That of the DSDT decides for all of them: 1 means integers of 32 bits, 2
   * integers of 64 bits. QEMU: DSDT 1 on pc and q35, 2 on `virt`.
   */
  readonly revision: 1 | 2;
  readonly body: readonly aml.AmlStatement[];
  /** Whether the checksum is set; default `true`. */
  readonly checksum?: boolean;
}

/** The TPM device and the scope of the table that it stands in. */
export interface TpmSsdtOptions extends OemOptions {
  readonly device: TpmDeviceOptions;
  /** Path of an object that another table defines; default `\_SB`. */
  readonly scope?: string;
  /** Whether the checksum is set; default `true`. */
  readonly checksum?: boolean;
}

/** A DSDT or SSDT. */
export function definitionBlock(options: DefinitionBlockOptions): Uint8Array {
  return acpiTable({ ...options, body: concatenate(...options.body) });
}

/**
 * A table of its own for the TPM device, for an emulator that can't touch its DSDT.
 *
 * @throws AcpiError as {@link tpmDevice}, and `ERR_ACPI_NAME` when the scope is no path
 */
export function tpmSsdt(options: TpmSsdtOptions): Uint8Array {
  const { device, scope = '\\_SB' } = options;
  return definitionBlock({
    ...options,
    signature: 'SSDT',
    revision: 1,
    body: [aml.scope(scope, [tpmDevice(device)])],
  });
}
