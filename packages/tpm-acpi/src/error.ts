import { TpmdevError, type TpmdevErrorOptions } from 'tpm-core';

/**
 * What goes wrong with a description or a table:
 *
 * - `'ERR_ACPI_NAME'`: a name segment or path that AML can't express
 * - `'ERR_ACPI_VALUE'`: a number, string or length outside of its field
 * - `'ERR_ACPI_CONFIGURATION'`: a combination of machine, device and TPM family that doesn't exist
 * - `'ERR_ACPI_TABLE'`: bytes that are not the table they are read as
 */
export type AcpiErrorCode =
  | 'ERR_ACPI_NAME'
  | 'ERR_ACPI_VALUE'
  | 'ERR_ACPI_CONFIGURATION'
  | 'ERR_ACPI_TABLE';

/** An error of this package; {@link AcpiErrorCode} lists its codes. */
export class AcpiError extends TpmdevError {
  /** @param message what failed, with which value, and the way out */
  constructor(code: AcpiErrorCode, message: string, options: TpmdevErrorOptions = {}) {
    super(code, message, options);
  }
}
