// Counters and bit fields: 64-bit integers, big-endian.

/** @returns the number that eight bytes stand for */
export function bigEndian(data: Uint8Array): bigint {
  return new DataView(data.buffer, data.byteOffset).getBigUint64(0);
}

/** @returns a number as eight bytes, modulo 2^64 */
export function eightBytes(value: bigint): Uint8Array {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, BigInt.asUintN(64, value));
  return data;
}
