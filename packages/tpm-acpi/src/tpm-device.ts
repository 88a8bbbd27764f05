// The TPM in the ACPI name space (ACPI Specification, chapter "Device Configuration"; TCG ACPI
// Specification, section "ACPI Device Object").

import type { TpmVersion } from 'tpm-core';
import * as aml from './aml/index.js';
import { AcpiError } from './error.js';
import { ppiObjects } from './ppi-aml.js';

/** QEMU's name of a front end that has an ACPI description. */
export type TpmModel = 'tpm-tis' | 'tpm-crb' | 'tpm-tis-device';

/** Where a front end's registers are by default, in bytes. */
export const REGISTERS: Readonly<
  Record<TpmModel, { readonly address: number; readonly length: number }>
> = {
  'tpm-tis': { address: 0xfed4_0000, length: 0x5000 },
  'tpm-crb': { address: 0xfed4_0000, length: 0x1000 },
  /** QEMU: offset 0 of the platform bus of Arm `virt`. */
  'tpm-tis-device': { address: 0x0c00_0000, length: 0x5000 },
};

const TPM12_HARDWARE_ID = 'PNP0C31';
const TPM20_HARDWARE_ID = 'MSFT0101';

/** Bits of `_STA`: present, enabled, shown, functioning. */
const STA_WORKING = 0x0f;

/** A TPM as its ACPI device object shows it. */
export interface TpmDeviceOptions {
  readonly model: TpmModel;
  /** TPM family of the back end. */
  readonly tpmVersion: TpmVersion;
  /** Whether it has the physical presence interface; default `false`. */
  readonly ppi?: boolean;
  /** Guest-physical address of the registers, below 4 GiB; default as in {@link REGISTERS}. */
  readonly address?: number;
  /** Guest-physical address of the PPI memory; default 0xFED45000. */
  readonly ppiAddress?: number;
  /** Name of the device, one segment; default `TPM`, for `tpm-tis-device` `TPM0`. */
  readonly name?: string;
}

/** @throws AcpiError `ERR_ACPI_CONFIGURATION` when no TPM is like that */
function checkOptions({ model, ppi }: TpmDeviceOptions): void {
  if (!Object.hasOwn(REGISTERS, model)) {
    throw new AcpiError(
      'ERR_ACPI_CONFIGURATION',
      `There is no ACPI description of "${model}"; use ${Object.keys(REGISTERS).join(', ')}`,
    );
  }
  if (model === 'tpm-tis-device' && ppi) {
    throw new AcpiError(
      'ERR_ACPI_CONFIGURATION',
      'tpm-tis-device has no physical presence interface; leave "ppi" out',
    );
  }
}

/**
 * The device object, byte for byte as QEMU 7.2 has it; the order of its objects is QEMU's too.
 * There is no interrupt descriptor: the guest polls.
 *
 * @returns AML to stand in the scope of the device's bus
 * @throws AcpiError `ERR_ACPI_CONFIGURATION` for `tpm-tis-device` with physical presence;
 * `ERR_ACPI_VALUE` or `ERR_ACPI_NAME` for an address or a name out of range
 * @example
 * tpmDevice({ model: 'tpm-tis', tpmVersion: '2.0', ppi: true }).length; // 620
 */
export function tpmDevice(options: TpmDeviceOptions): aml.AmlStatement {
  checkOptions(options);
  const { model, ppi, ppiAddress } = options;
  const { address, length } = REGISTERS[model];
  const resources = aml.name(
    '_CRS',
    aml.resourceTemplate([aml.memory32Fixed(options.address ?? address, length)]),
  );
  const status = aml.name('_STA', STA_WORKING);
  const tpm20 = [
    aml.name('_HID', aml.string(TPM20_HARDWARE_ID)),
    // QEMU: an ASCII string; ACPI asks for a Unicode buffer.
    aml.name('_STR', aml.string('TPM 2.0 Device')),
  ];
  const physicalPresence = ppi ? ppiObjects(ppiAddress) : [];
  switch (model) {
    case 'tpm-tis': {
      const identity =
        options.tpmVersion === '2.0' ? tpm20 : [aml.name('_HID', aml.eisaId(TPM12_HARDWARE_ID))];
      return aml.device(options.name ?? 'TPM', [
        ...identity,
        aml.name('_UID', 1),
        status,
        resources,
        ...physicalPresence,
      ]);
    }
    case 'tpm-crb':
      // QEMU: claims to be a TPM 2.0 whatever the back end is.
      return aml.device(options.name ?? 'TPM', [
        ...tpm20,
        resources,
        status,
        aml.name('_UID', 1),
        ...physicalPresence,
      ]);
    case 'tpm-tis-device':
      // QEMU: as for `tpm-crb`.
      return aml.device(options.name ?? 'TPM0', [...tpm20, aml.name('_UID', 0), resources]);
  }
}
