// What QEMU's machines publish about their TPM, per configuration.

import type { TpmVersion } from 'tpm-core';
import { AcpiError } from './error.js';
import { LOG_AREA, type LogAreaOptions } from './log-area.js';
import type { OemOptions } from './table.js';
import { tcpaTable } from './tcpa-table.js';
import { REGISTERS, type TpmDeviceOptions, type TpmModel } from './tpm-device.js';
import { START_METHOD, tpm2Table } from './tpm2-table.js';

/** QEMU's name of a machine whose TPM is described through ACPI. */
export type MachineFamily = 'pc' | 'q35' | 'virt' | 'microvm';

/** One combination of machine, front end and TPM family, and what ACPI says about it. */
export interface TpmConfiguration {
  readonly machine: MachineFamily;
  readonly model: TpmModel;
  readonly tpmVersion: TpmVersion;
  /** Path of the object that the device is a child of. */
  readonly scope: string;
  /** Table that is published besides the device. */
  readonly table: 'TPM2' | 'TCPA' | undefined;
  /** {@link START_METHOD} in the `TPM2` table. */
  readonly startMethod: number | undefined;
  /** Length of the file `etc/tpm/log` in bytes; `undefined` when there is no such file. */
  readonly logSize: number | undefined;
  /** Whether PPI memory can be there. */
  readonly hasPpi: boolean;
  /** Whether the file `etc/tpm/config` exists when PPI is on. */
  readonly hasConfigFile: boolean;
  /** Whether the registers are in the `_CRS` of the PCI host bridge too. */
  readonly isBehindHostBridge: boolean;
}

/** The machine and its TPM. */
export interface TpmMachineOptions {
  readonly machine: MachineFamily;
  /** Left out when the machine has no TPM. */
  readonly tpm?: Pick<TpmDeviceOptions, 'model' | 'tpmVersion' | 'ppi'>;
  /** Whether the machine has ACPI tables (QEMU: machine option `acpi`); default `true`. */
  readonly acpi?: boolean;
}

/** What a machine publishes about its TPM. */
export interface TpmDescription {
  /** Options of {@link tpmDevice}. */
  readonly device: TpmDeviceOptions | undefined;
  /** Path of the object that the device is a child of. */
  readonly scope: string | undefined;
  readonly table: 'TPM2' | 'TCPA' | undefined;
  /** {@link START_METHOD} in the `TPM2` table. */
  readonly startMethod: number | undefined;
  /** Length of the file `etc/tpm/log` in bytes; `undefined` when there is no such file. */
  readonly logSize: number | undefined;
  /** Whether the file `etc/tpm/config` exists. */
  readonly hasConfigFile: boolean;
  /** An additional `Memory32Fixed` in the `_CRS` of the PCI host bridge `\_SB.PCI0`. */
  readonly hostBridgeRange: { readonly address: number; readonly length: number } | undefined;
}

const PC = { hasPpi: true, hasConfigFile: true, logSize: LOG_AREA.size } as const;
const PC_TIS = { ...PC, model: 'tpm-tis', isBehindHostBridge: true } as const;
const PC_CRB = { ...PC, model: 'tpm-crb', isBehindHostBridge: false, scope: '\\_SB' } as const;
/** The ISA bridges: `S` and the number of their PCI slot and function. */
const PC_ISA = { machine: 'pc', scope: '\\_SB.PCI0.S08' } as const;
const Q35_ISA = { machine: 'q35', scope: '\\_SB.PCI0.SF8' } as const;
const VIRT = {
  machine: 'virt',
  model: 'tpm-tis-device',
  scope: '\\_SB',
  hasPpi: false,
  hasConfigFile: false,
  isBehindHostBridge: false,
} as const;
const MICROVM = {
  machine: 'microvm',
  model: 'tpm-tis',
  scope: '\\_SB',
  table: undefined,
  startMethod: undefined,
  logSize: undefined,
  hasPpi: true,
  hasConfigFile: false,
  isBehindHostBridge: false,
} as const;
const TPM20_FIFO = {
  tpmVersion: '2.0',
  table: 'TPM2',
  startMethod: START_METHOD.memoryMapped,
} as const;
const TPM20_CRB = { ...TPM20_FIFO, startMethod: START_METHOD.commandResponseBuffer } as const;
const TPM12 = { tpmVersion: '1.2', table: 'TCPA', startMethod: undefined } as const;

/**
 * Every configuration in which a TPM has an ACPI device (QEMU 7.2). QEMU: `tpm-crb` with a TPM 1.2
 * has the device object of a TPM 2.0 and the table of a TPM 1.2.
 */
export const TPM_CONFIGURATIONS: readonly TpmConfiguration[] = [
  { ...PC_ISA, ...PC_TIS, ...TPM20_FIFO },
  { ...PC_ISA, ...PC_TIS, ...TPM12 },
  { ...PC_CRB, machine: 'pc', ...TPM20_CRB },
  { ...PC_CRB, machine: 'pc', ...TPM12 },
  { ...Q35_ISA, ...PC_TIS, ...TPM20_FIFO },
  { ...Q35_ISA, ...PC_TIS, ...TPM12 },
  { ...PC_CRB, machine: 'q35', ...TPM20_CRB },
  { ...PC_CRB, machine: 'q35', ...TPM12 },
  { ...VIRT, ...TPM20_FIFO, logSize: LOG_AREA.size },
  { ...VIRT, ...TPM12, table: undefined, logSize: 0 },
  { ...MICROVM, tpmVersion: '2.0' },
  { ...MICROVM, tpmVersion: '1.2' },
];

/**
 * What QEMU 7.2 publishes about a machine's TPM.
 *
 * @throws AcpiError `ERR_ACPI_CONFIGURATION` when QEMU has no such combination
 * @example
 * describeTpm({ machine: 'q35', tpm: { model: 'tpm-crb', tpmVersion: '2.0' } }).scope; // '\\_SB'
 */
export function describeTpm(options: TpmMachineOptions): TpmDescription {
  const { machine, tpm, acpi = true } = options;
  const hasLogFile = acpi && machine !== MICROVM.machine;
  const nothing: TpmDescription = {
    device: undefined,
    scope: undefined,
    table: undefined,
    startMethod: undefined,
    logSize: hasLogFile ? 0 : undefined,
    hasConfigFile: false,
    hostBridgeRange: undefined,
  };
  if (tpm === undefined) return nothing;
  const configuration = findConfiguration(machine, tpm);
  if (!acpi) return nothing;
  const { scope, table, startMethod, logSize, hasConfigFile } = configuration;
  const ppi = tpm.ppi ?? false;
  return {
    device: { model: tpm.model, tpmVersion: tpm.tpmVersion, ppi },
    scope,
    table,
    startMethod,
    logSize,
    hasConfigFile: hasConfigFile && ppi,
    hostBridgeRange: configuration.isBehindHostBridge ? REGISTERS[tpm.model] : undefined,
  };
}

function findConfiguration(
  machine: MachineFamily,
  tpm: NonNullable<TpmMachineOptions['tpm']>,
): TpmConfiguration {
  const found = TPM_CONFIGURATIONS.find(
    (row) =>
      row.machine === machine && row.model === tpm.model && row.tpmVersion === tpm.tpmVersion,
  );
  if (found === undefined) {
    throw new AcpiError(
      'ERR_ACPI_CONFIGURATION',
      `Machine "${machine}" has no ${tpm.model} with a TPM ${tpm.tpmVersion}; use a row of TPM_CONFIGURATIONS`,
    );
  }
  if (tpm.ppi && !found.hasPpi) {
    throw new AcpiError(
      'ERR_ACPI_CONFIGURATION',
      `${tpm.model} has no physical presence interface; leave "ppi" out`,
    );
  }
  return found;
}

/**
 * @param description from {@link describeTpm}
 * @returns the `TPM2` or `TCPA` table that belongs to it, or `undefined` when there is none
 */
export function describedTable(
  description: TpmDescription,
  options: OemOptions & LogAreaOptions = {},
): Uint8Array | undefined {
  const { device, table } = description;
  if (device === undefined || table === undefined) return undefined;
  return table === 'TCPA' ? tcpaTable(options) : tpm2Table({ ...options, model: device.model });
}
