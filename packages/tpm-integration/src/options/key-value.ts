/** A list of `key=value` pairs in QEMU's notation, in the order given; a later value wins. */
export class KeyValueList {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  /** The keys in the order in which they first appeared. */
  get keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** @returns the last value given for `key`, or `undefined` */
  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  /** @returns whether help was asked for (`help` or `?` as an item of its own) */
  get wantsHelp(): boolean {
    return this.#values.has('help') || this.#values.has('?');
  }

  /** @returns the pairs, in order */
  entries(): readonly (readonly [string, string])[] {
    return [...this.#values.entries()];
  }
}

/**
 * Cuts a text at single commas; two commas in a row stand for one comma inside an item.
 *
 * @param text for example `null,id=a,,b`
 * @returns for example `['null', 'id=a,b']`; an empty text has no items
 */
export function splitItems(text: string): string[] {
  if (text === '') return [];
  const items: string[] = [];
  let item = '';
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    if (character !== ',') {
      item += character;
    } else if (text[index + 1] === ',') {
      item += ',';
      index++;
    } else {
      items.push(item);
      item = '';
    }
  }
  items.push(item);
  return items;
}

/**
 * Reads a list such as `emulator,id=tpm0,chardev=char0`.
 *
 * An item without `=` is the value of `impliedKey` when it comes first. Anywhere else it is a
 * boolean in short form: `wait` is `wait=on`, `nowait` is `wait=off`.
 *
 * @param text the option's argument
 * @param impliedKey key of a first item without `=`; without it such an item is a boolean
 */
export function parseKeyValueList(text: string, impliedKey?: string): KeyValueList {
  return mergeKeyValueLists([text], impliedKey);
}

/**
 * Reads the arguments of an option that may be given several times and adds up, such as
 * `-machine`.
 *
 * @param texts the arguments in order
 * @param impliedKey as in {@link parseKeyValueList}
 */
export function mergeKeyValueLists(texts: readonly string[], impliedKey?: string): KeyValueList {
  const values = new Map<string, string>();
  for (const text of texts) readItems(text, impliedKey, values);
  return new KeyValueList(values);
}

function readItems(
  text: string,
  impliedKey: string | undefined,
  values: Map<string, string>,
): void {
  for (const [index, item] of splitItems(text).entries()) {
    const equals = item.indexOf('=');
    if (equals >= 0) values.set(item.slice(0, equals), item.slice(equals + 1));
    else if (item === 'help' || item === '?') values.set(item, '');
    else if (index === 0 && impliedKey !== undefined) values.set(impliedKey, item);
    else if (item.startsWith('no') && item.length > 2) values.set(item.slice(2), 'off');
    else values.set(item, 'on');
  }
}
