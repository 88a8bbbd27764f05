import { SnapshotError } from 'tpm-core';
import type { FwCfgItem, FwCfgItems } from './fw-cfg-items.js';
import type { FwCfgSelection } from './fw-cfg-selection.js';

/** Layout of {@link FwCfgSnapshot}. */
export const FW_CFG_SNAPSHOT_FORMAT = 'tpm-fwcfg-ppi/fw-cfg/1';

/** `io`: x86 ports. `mmio`: memory-mapped, as on Arm. */
export type FwCfgVariant = 'io' | 'mmio';

/** What has to be equal where a snapshot is taken and where it is restored. */
export interface FwCfgConfiguration {
  readonly variant: FwCfgVariant;
  /** Whether the device has the DMA interface. */
  readonly dma: boolean;
  /** The directory; a key depends on all names. */
  readonly files: readonly { readonly name: string; readonly size: number }[];
}

/** Saved contents of a file that a guest can write, or that is generated. */
export interface FwCfgFileState {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Whether the contents will be generated anew when the file is selected. */
  readonly isStale: boolean;
}

/** Saved state of a fw_cfg device. Files that never change are not in it. */
export interface FwCfgSnapshot {
  readonly format: typeof FW_CFG_SNAPSHOT_FORMAT;
  readonly configuration: FwCfgConfiguration;
  /** Selected key, 16 bits. */
  readonly key: number;
  /** Bytes of the item that are consumed, at most its length. */
  readonly offset: number;
  /**
   * High half of the DMA address, written before the low half. The low half is always zero
   * between two accesses: its write starts the transfer, which clears the address.
   */
  readonly dmaAddressHigh: number;
  readonly files: readonly FwCfgFileState[];
}

/** The part of {@link FwCfgSnapshot} that is not configuration. */
export type FwCfgState = Omit<FwCfgSnapshot, 'format' | 'configuration'>;

function movingFiles(items: FwCfgItems): readonly FwCfgItem[] {
  return items.files.filter((file) => file.writable || file.group !== undefined);
}

/** @returns a copy of the state */
export function captureFwCfgState(
  items: FwCfgItems,
  selection: FwCfgSelection,
  dmaAddressHigh: number,
): FwCfgState {
  return {
    key: selection.key,
    offset: selection.offset,
    dmaAddressHigh,
    files: movingFiles(items).map(({ name, bytes, group }) => ({
      name: name!,
      bytes: bytes.slice(),
      isStale: group?.isStale === true,
    })),
  };
}

/** Puts checked contents and marks in the place of the present ones. */
export function applyFwCfgFiles(items: FwCfgItems, files: readonly FwCfgFileState[]): void {
  for (const [index, file] of movingFiles(items).entries()) {
    const saved = files[index]!;
    file.bytes.set(saved.bytes);
    if (file.group !== undefined) file.group.isStale = saved.isStale;
  }
}

/** @throws SnapshotError unless `fits` */
function check(fits: boolean, what: string, rule: string, saved: unknown): void {
  if (!fits) throw new SnapshotError(`${what}: ${rule}, saved ${String(saved)}`);
}

function checkConfigured(what: string, configured: unknown, saved: unknown): void {
  check(configured === saved, what, `configured ${String(configured)}`, saved);
}

function directoryText(files: unknown): string {
  if (!Array.isArray(files)) return String(files);
  return files.map((file) => `${file?.name} (${file?.size})`).join(', ');
}

function checkRange(what: string, last: number, saved: unknown): void {
  const fits = Number.isInteger(saved) && (saved as number) >= 0 && (saved as number) <= last;
  check(fits, what, `allowed 0 to ${last}`, saved);
}

function checkFiles(items: FwCfgItems, files: readonly FwCfgFileState[]): void {
  const moving = movingFiles(items);
  const count = Array.isArray(files) ? files.length : undefined;
  check(count === moving.length, 'fw_cfg files with a state', `expected ${moving.length}`, count);
  const groups = new Map<unknown, boolean>();
  for (const [index, { name, bytes, group }] of moving.entries()) {
    const saved: Partial<FwCfgFileState> = files[index] ?? {};
    checkConfigured('fw_cfg file', name, saved.name);
    const length = saved.bytes instanceof Uint8Array ? saved.bytes.length : undefined;
    check(
      length === bytes.length,
      `fw_cfg file "${name}"`,
      `expected ${bytes.length} bytes`,
      length,
    );
    const { isStale } = saved;
    // Files that are generated together are of the same age.
    const expected = group === undefined ? false : (groups.get(group) ?? isStale);
    check(
      typeof isStale === 'boolean' && isStale === expected,
      `fw_cfg file "${name}" mark`,
      `expected ${expected === undefined ? 'true or false' : expected}`,
      isStale,
    );
    if (group !== undefined) groups.set(group, isStale === true);
  }
}

/**
 * Checks a snapshot against the device that is to take it: configuration first, then ranges.
 *
 * @throws SnapshotError that names the first thing that doesn't fit
 */
export function checkFwCfgSnapshot(
  snapshot: FwCfgSnapshot,
  configured: FwCfgConfiguration,
  items: FwCfgItems,
): void {
  checkConfigured('Snapshot format', FW_CFG_SNAPSHOT_FORMAT, snapshot?.format);
  const saved: Partial<FwCfgConfiguration> = snapshot.configuration ?? {};
  checkConfigured('fw_cfg variant', configured.variant, saved.variant);
  checkConfigured('fw_cfg DMA', configured.dma, saved.dma);
  checkConfigured('fw_cfg directory', directoryText(configured.files), directoryText(saved.files));
  checkRange('fw_cfg key', 0xffff, snapshot.key);
  checkRange('fw_cfg offset', items.lookUp(snapshot.key)?.bytes.length ?? 0, snapshot.offset);
  checkRange('fw_cfg DMA address, high half', 0xffff_ffff, snapshot.dmaAddressHigh);
  checkFiles(items, snapshot.files);
}
