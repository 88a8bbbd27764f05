import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EscapeFilter, type TerminalInput } from './escape-filter.js';

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function shown(inputs: readonly TerminalInput[]): string[] {
  return inputs.map((input) =>
    input.type === 'bytes' ? String.fromCharCode(...input.bytes) : `<${input.type}>`,
  );
}

describe('EscapeFilter', () => {
  it.each([
    ['abc\r', ['abc\r']],
    ['\x03\x1b[A\x04', ['\x03\x1b[A\x04']],
    ['\x01x', ['<leave>']],
    ['\x01X', ['<leave>']],
    ['a\x01cb', ['a', '<switch>', 'b']],
    ['\x01h\x01?', ['<help>', '<help>']],
    ['\x01\x01', ['\x01']],
    ['\x01qz', ['z']],
    ['\x01', []],
    ['\x01xafter', ['<leave>']],
  ])('EscapeFilter.push(%j) gives %j', (typed, expected) => {
    expect(shown(new EscapeFilter().push(bytesOf(typed)))).toEqual(expected);
  });

  it('EscapeFilter.push() gives the same however the bytes are cut into chunks', () => {
    const byte = fc.constantFrom(0x01, 0x61, 0x63, 0x68, 0x43, 0x0d, 0xff);
    fc.assert(
      fc.property(fc.array(byte), fc.array(fc.nat({ max: 20 })), (bytes, cuts) => {
        const join = (inputs: readonly TerminalInput[]) => shown(inputs).join('');
        const filter = new EscapeFilter();
        let rest = Uint8Array.from(bytes);
        let output = '';
        for (const cut of cuts) {
          output += join(filter.push(rest.subarray(0, cut)));
          rest = rest.subarray(cut);
        }
        output += join(filter.push(rest));
        expect(output).toBe(join(new EscapeFilter().push(Uint8Array.from(bytes))));
      }),
    );
  });
});
