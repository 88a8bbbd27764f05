/** @returns the state with a number: 8 to 9007 bytes, each following from the number */
export function numberedState(number: number): Uint8Array {
  const bytes = new Uint8Array(8 + ((number * 7919) % 9000));
  new DataView(bytes.buffer).setUint32(0, number);
  let value = (number ^ 0x9e3779b9) | 1;
  for (let index = 4; index < bytes.length; index++) {
    value ^= value << 13;
    value ^= value >>> 17;
    value ^= value << 5;
    bytes[index] = value;
  }
  return bytes;
}

/**
 * @param state what was found; `undefined` counts as number 0
 * @returns its number
 * @throws Error when it isn't the whole of one numbered state
 */
export function numberOfState(state: Uint8Array | undefined): number {
  if (state === undefined) return 0;
  const number = state.length < 4 ? 0 : new DataView(state.buffer, state.byteOffset).getUint32(0);
  const expected = numberedState(number);
  const isWhole =
    state.length === expected.length && state.every((byte, index) => byte === expected[index]);
  if (!isWhole) throw new Error(`Not a whole state: ${state.length} bytes, number ${number}`);
  return number;
}
