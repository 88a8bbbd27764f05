// The ACPI tables of v86's machine, for firmware that takes all of them from fw_cfg (ACPI
// Specification 6.4, sections 5.2.5 to 5.2.12). They describe what v86 has: PIIX4 power management at
// fixed ports, one processor, an I/O APIC, and the devices that an operating system doesn't find alone.

import {
  acpiTable,
  aml,
  definitionBlock,
  describedTable,
  facs,
  rootTable,
  rsdp,
  TableList,
  type TpmDescription,
  tpmDevice,
} from 'tpm-integration/assembly';
import { doubleWordMemory, wordBusNumbers, wordPorts } from './address-spaces.js';

/** Tables for the table loader: pointers are offsets, checksums zero. */
export interface CompleteTables {
  readonly tables: Uint8Array;
  readonly rsdp: Uint8Array;
  readonly list: TableList['list'];
}

/** v86: where the power management registers are, whatever its PCI function says. */
export const POWER_MANAGEMENT_BASE = 0xb000;
const GENERAL_PURPOSE_EVENTS = 0xafe0;

/** v86: interrupt of ACPI, also used by its timer. */
const SCI = 9;

const HEADER_SIZE = 36;

/** FADT of ACPI 1.0: offsets from the start of the table and values (section 5.2.9). */
const FADT = {
  size: 116,
  dsdt: 40,
  bytes: [
    // Interrupt model: I/O APIC beside the 8259.
    [44, 1],
    [46, SCI],
    [88, 4],
    [89, 2],
    [91, 4],
    [92, 4],
    // Index of the century in CMOS memory.
    [108, 0x32],
  ],
  words: [
    // C2 and C3 take too long: there are none.
    [96, 0xfff],
    [98, 0xfff],
  ],
  doubleWords: [
    [56, POWER_MANAGEMENT_BASE],
    [64, POWER_MANAGEMENT_BASE + 4],
    [76, POWER_MANAGEMENT_BASE + 8],
    [80, GENERAL_PURPOSE_EVENTS],
    // WBINVD and C1 work; no power or sleep button, no RTC wake status, 24-bit timer.
    [112, (1 << 0) | (1 << 2) | (1 << 4) | (1 << 5) | (1 << 6)],
  ],
} as const;

/** MADT: addresses and the lengths of its structures (section 5.2.12). */
const MADT = { localApic: 0xfee0_0000, ioApic: 0xfec0_0000, size: 44 + 8 + 12 + 10 } as const;

/** Active high and level-triggered, in a MADT. */
const ACTIVE_HIGH_LEVEL = 0x000d;

/** The windows of the PCI bus: memory from the end of RAM's space to the I/O APIC. */
const WINDOWS: readonly aml.AmlResource[] = [
  wordBusNumbers(0, 0xff),
  aml.io(0xcf8, 0xcf8, 1, 8),
  wordPorts(0, 0xcf7),
  wordPorts(0xd00, 0xffff),
  doubleWordMemory(0xa_0000, 0xb_ffff),
  doubleWordMemory(0xe000_0000, 0xfebf_ffff),
];

function fadt(dsdtOffset: number): Uint8Array {
  const table = acpiTable({
    signature: 'FACP',
    revision: 1,
    body: new Uint8Array(FADT.size - HEADER_SIZE),
    checksum: false,
  });
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  for (const [at, value] of FADT.bytes) view.setUint8(at, value);
  for (const [at, value] of FADT.words) view.setUint16(at, value, true);
  for (const [at, value] of FADT.doubleWords) view.setUint32(at, value, true);
  // The FACS is at offset 0, which is the pointer's value already.
  view.setUint32(FADT.dsdt, dsdtOffset, true);
  return table;
}

/** One processor, one I/O APIC; no other input for the PIT, which v86 has at pin 0. */
function madt(): Uint8Array {
  const body = new Uint8Array(MADT.size - HEADER_SIZE);
  const view = new DataView(body.buffer);
  view.setUint32(0, MADT.localApic, true);
  // There is an 8259 pair too.
  view.setUint32(4, 1, true);
  // Processor: kind 0, processor 0, APIC 0, enabled.
  body.set([0, 8, 0, 0, 1, 0, 0, 0], 8);
  // I/O APIC: kind 1, id 0, first interrupt 0.
  body.set([1, 12, 0, 0], 16);
  view.setUint32(20, MADT.ioApic, true);
  // Source override: kind 2, ISA bus, the interrupt of ACPI.
  body.set([2, 10, 0, SCI], 28);
  view.setUint32(32, SCI, true);
  view.setUint16(36, ACTIVE_HIGH_LEVEL, true);
  return acpiTable({ signature: 'APIC', revision: 1, body, checksum: false });
}

function isaDevice(
  name: string,
  hardwareId: string,
  resources: readonly aml.AmlResource[],
): aml.AmlStatement {
  return aml.device(name, [
    aml.name('_HID', aml.eisaId(hardwareId)),
    aml.name('_CRS', aml.resourceTemplate(resources)),
  ]);
}

/** What a PC's operating system expects ACPI to name. */
const ISA_DEVICES: readonly aml.AmlStatement[] = [
  isaDevice('RTC', 'PNP0B00', [aml.io(0x70, 0x70, 1, 2), aml.irq(8)]),
  isaDevice('KBD', 'PNP0303', [aml.io(0x60, 0x60, 1, 1), aml.io(0x64, 0x64, 1, 1), aml.irq(1)]),
  isaDevice('MOU', 'PNP0F13', [aml.irq(12)]),
  isaDevice('COM1', 'PNP0501', [aml.io(0x3f8, 0x3f8, 1, 8), aml.irq(4)]),
];

function dsdt(tpm: TpmDescription): Uint8Array {
  const range = tpm.hostBridgeRange;
  const registers = range === undefined ? [] : [aml.memory32Fixed(range.address, range.length)];
  const body = [
    aml.scope('\\_SB', [
      aml.device('PCI0', [
        aml.name('_HID', aml.eisaId('PNP0A03')),
        aml.name('_UID', 0),
        aml.name('_CRS', aml.resourceTemplate([...WINDOWS, ...registers])),
        // The name that the TPM's scope has in QEMU; v86 has its ISA bridge in slot 1.
        aml.device('S08', [aml.name('_ADR', 0x0001_0000), ...ISA_DEVICES]),
      ]),
    ]),
    aml.scope(tpm.scope!, [tpmDevice(tpm.device!)]),
    aml.name('\\_S5', aml.packageOf([0, 0, 0, 0])),
  ];
  return definitionBlock({ signature: 'DSDT', revision: 1, body, checksum: false });
}

/**
 * Builds the tables: FACS, DSDT, FACP, APIC, the TPM's table, RSDT.
 *
 * @param tpm what is to be published about the TPM, of a machine `pc`
 */
export function completeTables(tpm: TpmDescription): CompleteTables {
  const tables = new TableList();
  tables.append(facs());
  const dsdtOffset = tables.append(dsdt(tpm));
  const entryOffsets = [tables.append(fadt(dsdtOffset)), tables.append(madt())];
  const tpmTable = describedTable(tpm);
  if (tpmTable !== undefined) entryOffsets.push(tables.append(tpmTable));
  const offset = tables.append(rootTable({ signature: 'RSDT', entryOffsets }));
  return { tables: tables.bytes(), rsdp: rsdp({ to: 'RSDT', offset }), list: tables.list };
}
