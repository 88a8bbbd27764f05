import { describe, expect, it } from 'vitest';
import { TextView } from './text-view.js';

const CLEAR = '\x1b[0m\x1b[2J';

function screen(...rows: string[]) {
  return { rows, graphics: undefined };
}

describe('TextView', () => {
  it('TextView.draw() draws everything first, then what has changed, then nothing', () => {
    const view = new TextView();
    expect(view.draw(screen('one', 'two'), 25)).toBe(
      `${CLEAR}\x1b[1;1H\x1b[Kone\x1b[0m\x1b[2;1H\x1b[Ktwo\x1b[0m`,
    );
    expect(view.draw(screen('one', 'three'), 25)).toBe('\x1b[2;1H\x1b[Kthree\x1b[0m');
    expect(view.draw(screen('one', 'three'), 25)).toBe('');
  });

  it('TextView.draw() leaves out what is below the last line of the terminal', () => {
    expect(new TextView().draw(screen('one', 'two'), 1)).toBe(`${CLEAR}\x1b[1;1H\x1b[Kone\x1b[0m`);
  });

  it('TextView.draw() begins anew after forget()', () => {
    const view = new TextView();
    view.draw(screen('one'), 25);
    view.forget();
    expect(view.draw(screen('one'), 25)).toContain('one');
  });

  it('TextView.draw() says so when the guest shows graphics', () => {
    const view = new TextView();
    const text = view.draw({ rows: ['old'], graphics: { width: 640, height: 480 } }, 25);
    expect(text).toContain('640 by 480');
    expect(text).not.toContain('old');
  });
});
