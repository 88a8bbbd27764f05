import type { FwCfgItem } from './fw-cfg-items.js';
import { FW_CFG_KEY } from './fw-cfg-registers.js';

/** The selected item and the position in it: what every read of a guest works on. */
export class FwCfgSelection {
  /** Selected key as the guest wrote it, 16 bits. */
  key: number = FW_CFG_KEY.signature;
  /** Bytes of the item that are consumed, at most its length. */
  offset = 0;
  /** The item of {@link key}, if there is one. */
  item: FwCfgItem | undefined;

  /** Bytes left. */
  get remaining(): number {
    return this.item === undefined ? 0 : this.item.bytes.length - this.offset;
  }

  /** @returns the next byte; 0 past the end */
  readByte(): number {
    const { item } = this;
    if (item === undefined || this.offset >= item.bytes.length) return 0;
    return item.bytes[this.offset++]!;
  }

  /** @returns a view of the next bytes, at most `length`; consumes them */
  take(length: number): Uint8Array | undefined {
    const start = this.offset;
    this.skip(length);
    return this.item?.bytes.subarray(start, this.offset);
  }

  /** Consumes bytes, not past the end. */
  skip(length: number): void {
    this.offset += Math.min(length, this.remaining);
  }
}
