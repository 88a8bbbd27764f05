import type { LoaderTable } from 'tpm-fwcfg-ppi';

/** Length of the FACS in bytes. */
const FACS_SIZE = 64;

/** @returns the FACS: signature, length, and nothing else (ACPI Specification, section 5.2.10) */
export function facs(): Uint8Array {
  const table = new Uint8Array(FACS_SIZE);
  table.set(new TextEncoder().encode('FACS'));
  table[4] = FACS_SIZE;
  return table;
}

/** Tables for the table loader, one after the other as they are appended. */
export class TableList {
  /** Which tables there are, in order. */
  readonly list: LoaderTable[] = [];
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /**
   * @param table a whole table with its signature in front
   * @returns the offset of the table in bytes
   */
  append(table: Uint8Array): number {
    const offset = this.#length;
    const signature = new TextDecoder('latin1').decode(table.subarray(0, 4));
    this.list.push({ signature, offset, length: table.length });
    this.#parts.push(table);
    this.#length += table.length;
    return offset;
  }

  /** @returns all tables back to back, without padding */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    for (const [index, { offset }] of this.list.entries()) bytes.set(this.#parts[index]!, offset);
    return bytes;
  }
}
