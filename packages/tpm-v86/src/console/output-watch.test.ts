import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutputWatch, plainText } from './output-watch.js';

describe('plainText()', () => {
  it('plainText() keeps characters and line feeds', () => {
    expect(plainText('\x1bc\x1b[?7l\x1b[2J\x1b[0mSea\x1b[1;4HBIOS\r\n\0next')).toBe(
      'SeaBIOS\nnext',
    );
  });
});

describe('OutputWatch', () => {
  it('OutputWatch.push() finds what is spread over chunks and sequences, wherever they are cut', () => {
    const text = 'x\x1b[1;2HClear\x1b[0m TPM\r\n';
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length }), { maxLength: 6 }), (cuts) => {
        const watch = new OutputWatch(/^xClear TPM$/m);
        const places = [...cuts, text.length].sort((one, other) => one - other);
        let from = 0;
        let found = false;
        for (const to of places) {
          found = watch.push(text.slice(from, to)) || found;
          from = to;
        }
        expect(found).toBe(true);
      }),
    );
  });

  it('OutputWatch.push() finds nothing that was not written', () => {
    const watch = new OutputWatch(/login/);
    expect(watch.push('log')).toBe(false);
    expect(watch.push('\nin')).toBe(false);
  });

  it('OutputWatch.push() goes on after more output than it keeps', () => {
    const watch = new OutputWatch(/done/);
    for (let count = 0; count < 40; count++) expect(watch.push('y'.repeat(10_000))).toBe(false);
    expect(watch.push('do')).toBe(false);
    expect(watch.push('ne')).toBe(true);
  });

  it('OutputWatch.push() takes a sequence that never ends for text', () => {
    const watch = new OutputWatch(/done/);
    watch.push('\x1b[');
    for (let count = 0; count < 10; count++) watch.push('0'.repeat(10_000));
    expect(watch.push(' done')).toBe(true);
  });

  it('OutputWatch.matches() sees a screen as lines without what fills them up', () => {
    const watch = new OutputWatch(/^Select\nt\. TPM$/m);
    expect(watch.matches(['\x1b[0mSelect   ', 't. TPM   ', ''])).toBe(true);
    expect(watch.matches(['Select', 'nothing'])).toBe(false);
  });
});
