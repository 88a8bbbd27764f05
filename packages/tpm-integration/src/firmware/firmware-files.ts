import { describeTpm, type OemOptions, type TpmModel } from 'tpm-acpi';
import type { TpmVersion } from 'tpm-core';
import { buildTableLoader, FW_CFG_FILE, tpmConfigFile } from 'tpm-fwcfg-ppi';
import type { DeviceDefinition, MachineDescription } from '../description.js';
import { findMachineType } from '../options/machine-types.js';
import { type AcpiFamily, buildAcpiTables } from './acpi-tables.js';

/** How the machine versions up to QEMU 2.5 differ in what they hand to firmware. */
export interface FirmwareForm {
  /** Whether there are ACPI tables. QEMU: `pc` has none up to version 1.6. */
  readonly hasAcpi: boolean;
  /** Whether fw_cfg has its DMA interface. QEMU: since version 2.5. */
  readonly hasDma: boolean;
  /** Whether the files are in the old order. QEMU: up to version 2.5. */
  readonly isLegacyOrder: boolean;
  /** `etc/acpi/rsdp` is padded with zeros to this length. QEMU: 36 up to version 2.2. */
  readonly rsdpSize: number;
  /** `etc/acpi/tables` is padded with zeros to this length. */
  readonly tablesSize: number;
}

/** `etc/table-loader` is a multiple of this many bytes; on `virt` of one entry. */
const LOADER_SIZE_MULTIPLE = { pc: 4096, q35: 4096, virt: 128 } as const;

/** Length of `etc/acpi/tables` in bytes. QEMU: the small one is of versions up to 2.0. */
const TABLES_SIZE = { usual: 0x2_0000, small: 0x2000 } as const;

const EXTENDED_RSDP_SIZE = 36;

/**
 * @param description the machine
 * @returns what its version says about the firmware interface
 */
export function firmwareForm({
  target,
  machineName,
  machineOptions,
}: MachineDescription): FirmwareForm {
  const machine = findMachineType(target, machineName);
  const [major, minor] = machine?.version ?? [Number.POSITIVE_INFINITY, 0];
  const isUpTo = (upToMajor: number, upToMinor: number) =>
    machine?.family !== 'virt' &&
    (major < upToMajor || (major === upToMajor && minor <= upToMinor));
  return {
    hasAcpi: machineOptions.get('acpi') !== 'off' && !isUpTo(1, 6),
    hasDma: !isUpTo(2, 4),
    isLegacyOrder: isUpTo(2, 5),
    rsdpSize: isUpTo(2, 2) ? EXTENDED_RSDP_SIZE : 0,
    tablesSize: isUpTo(2, 0) ? TABLES_SIZE.small : TABLES_SIZE.usual,
  };
}

function oemOptions({ machineOptions }: MachineDescription): OemOptions {
  const oemId = machineOptions.get('x-oem-id');
  const oemTableId = machineOptions.get('x-oem-table-id');
  return {
    ...(oemId === undefined ? {} : { oemId }),
    ...(oemTableId === undefined ? {} : { oemTableId }),
  };
}

function padded(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length >= size) return bytes;
  const result = new Uint8Array(size);
  result.set(bytes);
  return result;
}

/** A device that ACPI can describe, and whether it has a physical presence interface. */
function acpiDevice(device: DeviceDefinition): { model: TpmModel; ppi: boolean } | undefined {
  const { model, ppi } = device;
  return model === 'tpm-spapr' ? undefined : { model, ppi };
}

/**
 * The fw_cfg files that concern the TPM, as QEMU 7.2 publishes them (QEMU TPM Device, "ACPI
 * Interface" and "fw_cfg Interface").
 *
 * @param description the machine
 * @param tpmVersion family of the TPM; `undefined` when it couldn't be started. The files then say
 *   that the version is unspecified, and there is no device object and no table for it
 * @returns the contents by name; empty for a machine without ACPI
 * @throws AcpiError when the machine can't have such a TPM, or an OEM option is out of range
 */
export function firmwareFiles(
  description: MachineDescription,
  tpmVersion: TpmVersion | undefined,
): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const { family, device } = description;
  const form = firmwareForm(description);
  if (family === 'pseries' || !form.hasAcpi) return files;
  const described = device === undefined ? undefined : acpiDevice(device);
  const isSpecified = described !== undefined && tpmVersion !== undefined;
  const tpm = isSpecified
    ? describeTpm({ machine: family, tpm: { ...described, tpmVersion } })
    : describeTpm({ machine: family });
  const acpi = buildAcpiTables(family, tpm, oemOptions(description));
  files.set(FW_CFG_FILE.acpiTables, padded(acpi.tables, form.tablesSize));
  files.set(FW_CFG_FILE.acpiRsdp, padded(acpi.rsdp, form.rsdpSize));
  files.set(
    FW_CFG_FILE.tableLoader,
    buildTableLoader({
      tables: acpi.list,
      rsdpRevision: rsdpRevision(family),
      sizeMultiple: LOADER_SIZE_MULTIPLE[family],
    }),
  );
  files.set(FW_CFG_FILE.tpmLog, new Uint8Array(tpm.logSize ?? 0));
  if (tpm.hasConfigFile || (described?.ppi === true && !isSpecified)) {
    files.set(FW_CFG_FILE.tpmConfig, tpmConfigFile({ version: tpmVersion }));
  }
  return files;
}

function rsdpRevision(family: AcpiFamily): 0 | 2 {
  return family === 'virt' ? 2 : 0;
}
