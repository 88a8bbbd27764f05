import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeKeyValueLists, parseKeyValueList, splitItems } from './key-value.js';

describe('splitItems()', () => {
  test.each([
    ['', []],
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    ['a,,b', ['a,b']],
    ['a,,,b', ['a,', 'b']],
    ['a,', ['a', '']],
    [',a', ['', 'a']],
    ['a=1,,2,b=3', ['a=1,2', 'b=3']],
  ])('cuts %j at single commas', (text, items) => {
    expect(splitItems(text)).toEqual(items);
  });

  test('gives back every list of items that was escaped', () => {
    // An empty item between two others would look like an escaped comma.
    const item = fc.string({ minLength: 1, unit: fc.constantFrom('a', ',', '=') });
    const plain = item.filter((text) => !text.startsWith(','));
    fc.assert(
      fc.property(fc.array(plain, { minLength: 1 }), (items) => {
        expect(splitItems(items.map((text) => text.replaceAll(',', ',,')).join(','))).toEqual(
          items,
        );
      }),
    );
  });
});

describe('parseKeyValueList()', () => {
  test.each<[string, string | undefined, Record<string, string>]>([
    ['emulator,id=t', 'type', { type: 'emulator', id: 't' }],
    ['type=emulator,id=t', 'type', { type: 'emulator', id: 't' }],
    ['id=t,emulator', 'type', { id: 't', emulator: 'on' }],
    ['socket,server,nowait', 'backend', { backend: 'socket', server: 'on', wait: 'off' }],
    ['no', undefined, { no: 'on' }],
    ['a=1,a=2', undefined, { a: '2' }],
    ['a=', undefined, { a: '' }],
    ['a=b=c', undefined, { a: 'b=c' }],
    ['x-oem-id=a,,b', undefined, { 'x-oem-id': 'a,b' }],
    ['', 'type', {}],
  ])('reads %j', (text, implied, expected) => {
    expect(Object.fromEntries(parseKeyValueList(text, implied).entries())).toEqual(expected);
  });

  test.each(['help', '?', 'tpm-tis,help', 'tpm-tis,?'])('sees that %j asks for help', (text) => {
    expect(parseKeyValueList(text, 'driver').wantsHelp).toBe(true);
  });
});

describe('mergeKeyValueLists()', () => {
  test('lets a later argument win, key by key', () => {
    const list = mergeKeyValueLists(['q35,usb=on', 'pc', 'usb=off'], 'type');
    expect(list.entries()).toEqual([
      ['type', 'pc'],
      ['usb', 'off'],
    ]);
  });
});
