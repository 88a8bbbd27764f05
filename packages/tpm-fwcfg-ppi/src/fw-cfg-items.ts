import { FirmwareInterfaceError } from './error.js';
import { FW_CFG_DIRECTORY, FW_CFG_KEY } from './fw-cfg-registers.js';

/** Produces the contents of one or more files, by name. The sizes never change. */
export type FileGenerator = () => Readonly<Record<string, Uint8Array>>;

/** Files whose contents are generated together, once more after each reset. */
export interface FileGroup {
  readonly generate: FileGenerator;
  /** Whether the contents are of a time before the last reset. */
  isStale: boolean;
}

/** A byte string that a guest can select. */
export interface FwCfgItem {
  /** Name in the directory; `undefined` for an item that only has a key. */
  readonly name: string | undefined;
  readonly bytes: Uint8Array;
  readonly writable: boolean;
  readonly group: FileGroup | undefined;
}

/** One line of the file directory. */
export interface FwCfgFile {
  /** Name, at most 55 characters. */
  readonly name: string;
  /** Key to select it with. Changes when files are added. */
  readonly key: number;
  /** Length in bytes. */
  readonly size: number;
  /** Whether the guest may write to it, by DMA. */
  readonly writable: boolean;
}

/**
 * Order of the files on QEMU's oldest pc machine types (seen on `pc-i440fx-2.5`). `'*'` stands for
 * all others, in the order in which they were added.
 */
export const LEGACY_FILE_ORDER: readonly string[] = [
  'etc/boot-fail-wait',
  'etc/smbios/smbios-tables',
  'etc/smbios/smbios-anchor',
  'etc/e820',
  'genroms/kvmvapic.bin',
  'etc/system-states',
  '*',
  'etc/acpi/tables',
  'etc/table-loader',
  'etc/tpm/log',
  'etc/acpi/rsdp',
  'bootorder',
];

function refuse(what: string, wayOut: string): never {
  throw new FirmwareInterfaceError('ERR_FWCFG_FILE', `${what}; ${wayOut}`);
}

function byName(left: FwCfgItem, right: FwCfgItem): number {
  return left.name! < right.name! ? -1 : 1;
}

/** What a fw_cfg device holds: items with fixed keys, and files whose keys follow from their order. */
export class FwCfgItems {
  readonly #fixed = new Map<number, FwCfgItem>();
  readonly #slots: number;
  readonly #order: readonly string[] | undefined;
  /** In directory order. */
  #files: FwCfgItem[] = [];
  #directory: FwCfgItem;

  /**
   * @param slots most files that the directory holds
   * @param order names in the order of their keys, see {@link LEGACY_FILE_ORDER}; default: sorted
   */
  constructor(slots: number, order?: readonly string[]) {
    const most = FW_CFG_KEY.writeIntent - FW_CFG_KEY.firstFile;
    if (!(Number.isInteger(slots) && slots >= 1 && slots <= most)) {
      refuse(`${slots} slots of the fw_cfg directory are outside valid range`, `use 1 to ${most}`);
    }
    this.#slots = slots;
    this.#order = order;
    this.#directory = this.#makeDirectory();
  }

  /** In directory order. */
  get files(): readonly FwCfgItem[] {
    return this.#files;
  }

  /** @returns the item of a key, whatever its write-intent bit is */
  lookUp(key: number): FwCfgItem | undefined {
    const plain = key & ~FW_CFG_KEY.writeIntent;
    if (plain === FW_CFG_KEY.directory) return this.#directory;
    return this.#fixed.get(plain) ?? this.#files[plain - FW_CFG_KEY.firstFile];
  }

  /** @returns the file of a name */
  find(name: string): FwCfgItem | undefined {
    return this.#files.find((file) => file.name === name);
  }

  /** @throws FirmwareInterfaceError when the key is not free for a fixed item */
  addFixed(key: number, bytes: Uint8Array): void {
    const isKey = Number.isInteger(key) && key >= 0 && key <= 0xffff;
    const index = key - FW_CFG_KEY.firstFile;
    const isTaken =
      (key & FW_CFG_KEY.writeIntent) !== 0 ||
      (index >= 0 && index < this.#slots) ||
      this.lookUp(key) !== undefined;
    if (!isKey || isTaken) {
      const last = FW_CFG_KEY.firstFile + this.#slots - 1;
      refuse(
        `fw_cfg key ${key} can't be given to an item`,
        `use a free key of 16 bits without bit 14 and outside of 0x20 to 0x${last.toString(16)}, which belong to files`,
      );
    }
    this.#fixed.set(key, { name: undefined, bytes, writable: false, group: undefined });
  }

  /** Adds all files or none. @throws FirmwareInterfaceError */
  addFiles(files: readonly FwCfgItem[]): void {
    const names = new Set(this.#files.map((file) => file.name));
    for (const { name = '' } of files) {
      if (!/^[\x20-\x7e]{1,55}$/.test(name)) {
        refuse(
          `fw_cfg file name ${JSON.stringify(name)} can't be used`,
          `use 1 to ${FW_CFG_DIRECTORY.maximumNameLength} printable ASCII characters`,
        );
      }
      if (names.has(name)) refuse(`fw_cfg file "${name}" exists already`, 'add it once');
      names.add(name);
    }
    if (names.size > this.#slots) {
      refuse(
        `fw_cfg file "${files[0]!.name}" is one more than the directory's ${this.#slots} slots hold`,
        'make the device with more file slots',
      );
    }
    this.#files = this.#sorted([...this.#files, ...files]);
    this.#directory = this.#makeDirectory();
  }

  #sorted(files: FwCfgItem[]): FwCfgItem[] {
    const order = this.#order;
    if (order === undefined) return files.sort(byName);
    const others = order.includes('*') ? order.indexOf('*') : order.length;
    const rank = ({ name }: FwCfgItem) => {
      const at = order.indexOf(name!);
      return at < 0 ? others : at;
    };
    return files.sort((left, right) => rank(left) - rank(right));
  }

  /** QEMU: as long as all slots need, zero behind the last file. */
  #makeDirectory(): FwCfgItem {
    const { headerSize, entrySize, size, key, name } = FW_CFG_DIRECTORY;
    const bytes = new Uint8Array(headerSize + entrySize * this.#slots);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#files.length);
    for (const [index, file] of this.#files.entries()) {
      const entry = headerSize + entrySize * index;
      view.setUint32(entry + size, file.bytes.length);
      view.setUint16(entry + key, FW_CFG_KEY.firstFile + index);
      for (let at = 0; at < file.name!.length; at++) {
        bytes[entry + name + at] = file.name!.charCodeAt(at);
      }
    }
    return { name: undefined, bytes, writable: false, group: undefined };
  }
}
