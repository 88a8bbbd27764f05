// The ACPI tables of the headless machine: those that lead to the TPM, in the order and with the
// pointers that QEMU 7.2 gives them (ACPI Specification 6.4, sections 5.2.5 to 5.2.11).

import {
  acpiTable,
  aml,
  definitionBlock,
  describedTable,
  type OemOptions,
  rootTable,
  rsdp,
  type TpmDescription,
  tpmDevice,
} from 'tpm-acpi';
import {
  FW_CFG_IO_BASE,
  FW_CFG_IO_SIZE,
  FW_CFG_MMIO_SIZE,
  FW_CFG_VIRT_BASE_ADDRESS,
  type LoaderTable,
} from 'tpm-fwcfg-ppi';
import type { MachineFamily } from '../description.js';
import { facs, TableList } from './table-list.js';

/** A machine family whose firmware gets ACPI tables. */
export type AcpiFamily = Exclude<MachineFamily, 'pseries'>;

/** Tables for the table loader: pointers are offsets, checksums zero. */
export interface AcpiBlobs {
  /** All tables back to back, without padding. */
  readonly tables: Uint8Array;
  readonly rsdp: Uint8Array;
  /** Which tables there are, in order; the root table last. */
  readonly list: readonly LoaderTable[];
}

/** What differs between the families. */
interface FamilyTables {
  readonly rootTable: 'RSDT' | 'XSDT';
  readonly dsdtRevision: 1 | 2;
  readonly facs: boolean;
  readonly fadt: { readonly revision: number; readonly length: number; readonly flags: number };
  /** PCI host bridge: identifiers of a PCI or PCI Express one, and the ISA bridge behind it. */
  readonly pci?: {
    readonly hardwareId: string;
    readonly compatibleId?: string;
    readonly isaBridge: string;
    readonly isaAddress: number;
  };
}

/** FADT: offsets of its pointers and flags in bytes (section 5.2.9). */
const FADT = { facs: 36, dsdt: 40, flags: 112, extendedDsdt: 140, header: 36 } as const;

/** FADT flags: WBINVD works; there is no ACPI hardware. */
const FADT_FLAG = { wbinvd: 1 << 0, hardwareReduced: 1 << 20 } as const;

const FAMILIES: Readonly<Record<AcpiFamily, FamilyTables>> = {
  pc: {
    rootTable: 'RSDT',
    dsdtRevision: 1,
    facs: true,
    fadt: { revision: 1, length: 116, flags: FADT_FLAG.wbinvd },
    pci: { hardwareId: 'PNP0A03', isaBridge: 'S08', isaAddress: 0x0001_0000 },
  },
  q35: {
    rootTable: 'RSDT',
    dsdtRevision: 1,
    facs: true,
    fadt: { revision: 3, length: 244, flags: FADT_FLAG.wbinvd },
    pci: {
      hardwareId: 'PNP0A08',
      compatibleId: 'PNP0A03',
      isaBridge: 'SF8',
      isaAddress: 0x001f_0000,
    },
  },
  virt: {
    rootTable: 'XSDT',
    dsdtRevision: 2,
    facs: false,
    fadt: { revision: 6, length: 276, flags: FADT_FLAG.hardwareReduced },
  },
};

/** QEMU0002: the fw_cfg device, for an operating system. */
function fwCfgObject(family: AcpiFamily): aml.AmlStatement {
  const resource =
    family === 'virt'
      ? aml.memory32Fixed(FW_CFG_VIRT_BASE_ADDRESS, FW_CFG_MMIO_SIZE)
      : aml.io(FW_CFG_IO_BASE, FW_CFG_IO_BASE, 1, FW_CFG_IO_SIZE);
  return aml.device('FWCF', [
    aml.name('_HID', aml.string('QEMU0002')),
    aml.name('_STA', 0x0b),
    aml.name('_CRS', aml.resourceTemplate([resource])),
  ]);
}

/** The bridges as far as the TPM's scope needs them. */
function pciObject(
  { hardwareId, compatibleId, isaBridge, isaAddress }: NonNullable<FamilyTables['pci']>,
  range: TpmDescription['hostBridgeRange'],
): aml.AmlStatement {
  const ids = [aml.name('_HID', aml.eisaId(hardwareId))];
  if (compatibleId !== undefined) ids.push(aml.name('_CID', aml.eisaId(compatibleId)));
  const resources = range === undefined ? [] : [aml.memory32Fixed(range.address, range.length)];
  return aml.device('PCI0', [
    ...ids,
    aml.name('_UID', 0),
    aml.name('_CRS', aml.resourceTemplate(resources)),
    aml.device(isaBridge, [aml.name('_ADR', isaAddress)]),
  ]);
}

function dsdt(family: AcpiFamily, tpm: TpmDescription, oem: OemOptions): Uint8Array {
  const { pci, dsdtRevision } = FAMILIES[family];
  const bridges = pci === undefined ? [] : [pciObject(pci, tpm.hostBridgeRange)];
  const body = [aml.scope('\\_SB', [...bridges, fwCfgObject(family)])];
  if (tpm.device !== undefined && tpm.scope !== undefined) {
    body.push(aml.scope(tpm.scope, [tpmDevice(tpm.device)]));
  }
  return definitionBlock({
    ...oem,
    signature: 'DSDT',
    revision: dsdtRevision,
    body,
    checksum: false,
  });
}

/** Pointers and flags only: the machine has no power management. */
function fadt(family: AcpiFamily, dsdtOffset: number, oem: OemOptions): Uint8Array {
  const { facs: hasFacs, fadt: form } = FAMILIES[family];
  const table = acpiTable({
    ...oem,
    signature: 'FACP',
    revision: form.revision,
    body: new Uint8Array(form.length - FADT.header),
    checksum: false,
  });
  const view = new DataView(table.buffer);
  view.setUint32(FADT.flags, form.flags, true);
  // The FACS is at offset 0, which is the pointer's value already.
  if (hasFacs) view.setUint32(FADT.dsdt, dsdtOffset, true);
  if (form.length > FADT.extendedDsdt) view.setUint32(FADT.extendedDsdt, dsdtOffset, true);
  return table;
}

/**
 * Builds the tables of a machine: FACS, DSDT, FACP, the TPM's table, RSDT; on `virt` DSDT, FACP, the
 * TPM's table, XSDT. What describes other hardware of QEMU's machines isn't there.
 *
 * @param family the machine
 * @param tpm what is to be published about the TPM
 * @param oem who the tables are from
 * @throws AcpiError `ERR_ACPI_VALUE` when an OEM field is too long or not ASCII
 */
export function buildAcpiTables(
  family: AcpiFamily,
  tpm: TpmDescription,
  oem: OemOptions,
): AcpiBlobs {
  const form = FAMILIES[family];
  const tables = new TableList();
  if (form.facs) tables.append(facs());
  const dsdtOffset = tables.append(dsdt(family, tpm, oem));
  const entryOffsets = [tables.append(fadt(family, dsdtOffset, oem))];
  const tpmTable = describedTable(tpm, oem);
  if (tpmTable !== undefined) entryOffsets.push(tables.append(tpmTable));
  const root = rootTable({ ...oem, signature: form.rootTable, entryOffsets });
  const offset = tables.append(root);
  return {
    tables: tables.bytes(),
    rsdp: rsdp({ ...oem, to: form.rootTable, offset }),
    list: tables.list,
  };
}
