// A CD image with one folder of files that the BIOS can boot: ISO 9660 (ECMA-119) level 1, and the
// El Torito boot catalog (Bootable CD-ROM Format Specification 1.0), without emulation of a disk.

/** One file in the root folder of the CD. */
export interface CdFile {
  /** Name in 8.3 form; upper case on the CD, as the standard wants. */
  readonly name: string;
  readonly data: Uint8Array;
}

const SECTOR = 2048;
/** Sectors 0 to 15 belong to the system; descriptors follow. */
const DESCRIPTORS = 16;
const BOOT_RECORD = DESCRIPTORS + 1;
const TERMINATOR = DESCRIPTORS + 2;
const PATH_TABLE_LITTLE = DESCRIPTORS + 3;
const PATH_TABLE_BIG = DESCRIPTORS + 4;
const ROOT_FOLDER = DESCRIPTORS + 5;
const BOOT_CATALOG = DESCRIPTORS + 6;
const FIRST_FILE = DESCRIPTORS + 7;

const DESCRIPTOR_TYPE = { bootRecord: 0, primary: 1, terminator: 255 } as const;
const FILE_FLAG_DIRECTORY = 0x02;

/** Sectors of 512 bytes that the BIOS loads of the boot file; the file loads the rest itself. */
const LOADED_SECTORS = 4;
/** ISOLINUX finds itself by a table in its own image (genisoimage(1), `-boot-info-table`). */
const BOOT_INFO = { offset: 8, end: 64 } as const;

const sectors = (length: number): number => Math.ceil(length / SECTOR);

/**
 * Makes the image. Times are those of 1 January 2000, so that equal files give equal bytes.
 *
 * @param bootFile name of the file that the BIOS loads; it gets a boot information table
 * @throws RangeError when a name isn't in 8.3 form, a file is missing, or the folder overflows
 */
export function writeBootableCd(files: readonly CdFile[], bootFile: string): Uint8Array {
  const placed = place(files);
  const boot = placed.find(({ name }) => name === isoName(bootFile));
  if (boot === undefined) throw new RangeError(`Boot file "${bootFile}" is not among the files`);
  const end = placed.reduce((last, { data }) => last + sectors(data.length), FIRST_FILE);
  const image = Buffer.alloc(end * SECTOR);
  writePrimaryDescriptor(image, end);
  writeBootRecord(image);
  writeDescriptorHead(image, TERMINATOR, DESCRIPTOR_TYPE.terminator);
  writePathTables(image);
  writeRootFolder(image, placed);
  writeBootCatalog(image, boot.sector);
  for (const { sector, data } of placed) image.set(data, sector * SECTOR);
  writeBootInformation(image, boot);
  return image;
}

interface PlacedFile extends CdFile {
  readonly sector: number;
}

function place(files: readonly CdFile[]): PlacedFile[] {
  let next = FIRST_FILE;
  return files
    .map(({ name, data }) => ({ name: isoName(name), data }))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map((file) => {
      const sector = next;
      next += sectors(file.data.length);
      return { ...file, sector };
    });
}

function isoName(name: string): string {
  const upper = name.toUpperCase();
  if (!/^[A-Z0-9_]{1,8}(?:\.[A-Z0-9_]{1,3})?$/.test(upper)) {
    throw new RangeError(`File name "${name}" is not of the form NAME.EXT with 8 and 3 characters`);
  }
  return upper.includes('.') ? upper : `${upper}.`;
}

/** ECMA-119 7.2.3 and 7.3.3: a number in both byte orders. */
function writeBoth16(image: Buffer, offset: number, value: number): void {
  image.writeUInt16LE(value, offset);
  image.writeUInt16BE(value, offset + 2);
}

function writeBoth32(image: Buffer, offset: number, value: number): void {
  image.writeUInt32LE(value, offset);
  image.writeUInt32BE(value, offset + 4);
}

function writeDescriptorHead(image: Buffer, sector: number, type: number): number {
  const start = sector * SECTOR;
  image.writeUInt8(type, start);
  image.write('CD001', start + 1, 'latin1');
  image.writeUInt8(1, start + 6);
  return start;
}

/** ECMA-119 8.4. */
function writePrimaryDescriptor(image: Buffer, size: number): void {
  const start = writeDescriptorHead(image, DESCRIPTORS, DESCRIPTOR_TYPE.primary);
  image.fill(' ', start + 8, start + 72, 'latin1');
  image.write('TPMDEV', start + 40, 'latin1');
  writeBoth32(image, start + 80, size);
  writeBoth16(image, start + 120, 1);
  writeBoth16(image, start + 124, 1);
  writeBoth16(image, start + 128, SECTOR);
  writeBoth32(image, start + 132, 10);
  image.writeUInt32LE(PATH_TABLE_LITTLE, start + 140);
  image.writeUInt32BE(PATH_TABLE_BIG, start + 148);
  writeFolderRecord(image, start + 156, {
    identifier: '\0',
    sector: ROOT_FOLDER,
    length: SECTOR,
    flags: FILE_FLAG_DIRECTORY,
  });
  image.fill(' ', start + 190, start + 813, 'latin1');
  for (const date of [813, 830]) image.write('2000010100000000', start + date, 'latin1');
  for (const date of [847, 864]) image.write('0000000000000000', start + date, 'latin1');
  image.writeUInt8(1, start + 881);
}

/** El Torito 1.0, figure 7. */
function writeBootRecord(image: Buffer): void {
  const start = writeDescriptorHead(image, BOOT_RECORD, DESCRIPTOR_TYPE.bootRecord);
  image.write('EL TORITO SPECIFICATION', start + 7, 'latin1');
  image.writeUInt32LE(BOOT_CATALOG, start + 71);
}

/** ECMA-119 9.4: the root folder alone, its own parent. */
function writePathTables(image: Buffer): void {
  for (const sector of [PATH_TABLE_LITTLE, PATH_TABLE_BIG]) {
    const start = sector * SECTOR;
    image.writeUInt8(1, start);
    if (sector === PATH_TABLE_LITTLE) {
      image.writeUInt32LE(ROOT_FOLDER, start + 2);
      image.writeUInt16LE(1, start + 6);
    } else {
      image.writeUInt32BE(ROOT_FOLDER, start + 2);
      image.writeUInt16BE(1, start + 6);
    }
  }
}

interface FolderRecord {
  readonly identifier: string;
  readonly sector: number;
  readonly length: number;
  readonly flags: number;
}

/** ECMA-119 9.1. @returns length of the record */
function writeFolderRecord(image: Buffer, start: number, record: FolderRecord): number {
  const { identifier } = record;
  const length = 33 + identifier.length + ((identifier.length + 1) % 2);
  image.writeUInt8(length, start);
  writeBoth32(image, start + 2, record.sector);
  writeBoth32(image, start + 10, record.length);
  image.set([100, 1, 1, 0, 0, 0, 0], start + 18);
  image.writeUInt8(record.flags, start + 25);
  writeBoth16(image, start + 28, 1);
  image.writeUInt8(identifier.length, start + 32);
  image.write(identifier, start + 33, 'latin1');
  return length;
}

function writeRootFolder(image: Buffer, files: readonly PlacedFile[]): void {
  const own = { sector: ROOT_FOLDER, length: SECTOR, flags: FILE_FLAG_DIRECTORY };
  const records: FolderRecord[] = [
    { identifier: '\0', ...own },
    { identifier: '\x01', ...own },
    ...files.map(({ name, sector, data }) => ({
      identifier: `${name};1`,
      sector,
      length: data.length,
      flags: 0,
    })),
  ];
  const needed = records.reduce((sum, { identifier }) => sum + 34 + identifier.length, 0);
  if (needed > SECTOR) throw new RangeError(`${files.length} files do not fit in one folder`);
  let start = ROOT_FOLDER * SECTOR;
  for (const record of records) start += writeFolderRecord(image, start, record);
}

/** El Torito 1.0, figures 2 and 3. */
function writeBootCatalog(image: Buffer, bootSector: number): void {
  const start = BOOT_CATALOG * SECTOR;
  image.writeUInt8(1, start);
  image.write('TPMDEV', start + 4, 'latin1');
  image.set([0x55, 0xaa], start + 30);
  let sum = 0;
  for (let offset = 0; offset < 32; offset += 2) sum += image.readUInt16LE(start + offset);
  image.writeUInt16LE(-sum & 0xffff, start + 28);
  image.writeUInt8(0x88, start + 32);
  image.writeUInt16LE(LOADED_SECTORS, start + 38);
  image.writeUInt32LE(bootSector, start + 40);
}

function writeBootInformation(image: Buffer, boot: PlacedFile): void {
  const start = boot.sector * SECTOR;
  const { length } = boot.data;
  if (length < BOOT_INFO.end) throw new RangeError(`Boot file of ${length} bytes is too short`);
  let sum = 0;
  // The last word may reach into the zeros that fill the file's last sector.
  for (let offset = BOOT_INFO.end; offset < length; offset += 4) {
    sum = (sum + image.readUInt32LE(start + offset)) >>> 0;
  }
  image.fill(0, start + BOOT_INFO.offset, start + BOOT_INFO.end);
  image.writeUInt32LE(DESCRIPTORS, start + BOOT_INFO.offset);
  image.writeUInt32LE(boot.sector, start + BOOT_INFO.offset + 4);
  image.writeUInt32LE(length, start + BOOT_INFO.offset + 8);
  image.writeUInt32LE(sum, start + BOOT_INFO.offset + 12);
}
