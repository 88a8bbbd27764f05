import { fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import type { LoaderTable } from '../src/table-loader.js';

/** fw_cfg files of one machine. */
export interface MachineRecording {
  readonly name: string;
  readonly machine: 'pc' | 'q35' | 'virt';
  readonly tpmVersion: '1.2' | '2.0';
  readonly ppi: boolean | 'na';
  /** Length of `etc/acpi/tables`. */
  readonly blobSize: number;
  readonly tables: readonly LoaderTable[];
  /** Name, key and size, in directory order. */
  readonly files: readonly (readonly [string, number, number])[];
  /** All hexadecimal. */
  readonly tableLoader: string;
  readonly directory: string;
  readonly rsdp: string;
  readonly tpmTable: string;
  readonly config?: string;
}

/** A TPM table as it was found in memory after firmware ran. */
export interface LinkedTable {
  readonly machine: string;
  readonly tpm: '1' | '2';
  readonly firmware: string;
  readonly logAreaStart: number;
  readonly bytes: string;
}

/** Register accesses of a fw_cfg device, and its answers. */
export interface Transcript {
  readonly items: readonly { readonly name: string; readonly size: number }[];
  readonly itemContents: Readonly<Record<string, string>>;
  readonly writable?: readonly string[];
  readonly ramBase: string;
  readonly mmioBase?: string;
  readonly ops: readonly (readonly string[])[];
}

/** Seven machines of QEMU 7.2. */
export const machines = await fixtureJson<readonly MachineRecording[]>(
  new URL('../fixtures/acpi-files-qemu72.json.gz', import.meta.url),
);

/** Three tables. */
export const linkedTables = await fixtureJson<readonly LinkedTable[]>(
  new URL('../fixtures/linked-tables-qemu72.json.gz', import.meta.url),
);

/** The device of q35 and that of Arm virt. */
export const transcripts = {
  io: await fixtureJson<Transcript>(
    new URL('../fixtures/fw-cfg-io-qemu72.json.gz', import.meta.url),
  ),
  mmio: await fixtureJson<Transcript>(
    new URL('../fixtures/fw-cfg-mmio-qemu72.json.gz', import.meta.url),
  ),
} as const;

export { fromHex, toHex };
