/** What an element is made with: attributes by name, and text or children. */
type Attributes = Readonly<Record<string, string | undefined>>;
type Child = Node | string;

/**
 * Makes an element. Text is always text, never markup.
 *
 * @param attributes those that are `undefined` are left out
 */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/**
 * @returns the element with this id
 * @throws Error when the page has none: page and script don't belong together
 */
export function byId<Type extends HTMLElement = HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element "${id}"; reload it`);
  return found as Type;
}

/** Changes an element's text only when it differs, so that nothing is announced or laid out twice. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Plays an element's highlight from its start. */
export function flash(target: HTMLElement): void {
  target.classList.remove('flash');
  // Reading the layout ends the animation that runs.
  void target.offsetWidth;
  target.classList.add('flash');
}

/** A hex dump as a table-like block. */
export function hexBlock(
  label: string,
  lines: readonly { offset: string; bytes: string; text: string }[],
): HTMLElement {
  const text = lines
    .map(({ offset, bytes, text }) => `${offset}  ${bytes.padEnd(47)}  ${text}`)
    .join('\n');
  return element('pre', { class: 'hex', tabindex: '0', 'aria-label': label }, text);
}
