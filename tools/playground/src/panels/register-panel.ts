import { element, flash, setText } from '../app/element.js';
import { hexadecimalWord } from '../model/hexadecimal.js';
import type { FieldView, RegisterView } from '../model/register-fields.js';
import type { Panel } from './panel.js';

/** What the panel shows. */
export interface RegisterSource {
  /** Localities that have registers of their own; 1 for CRB. */
  readonly localityCount: number;
  /** The locality that owns the TPM; `undefined` for none. */
  active(): number | undefined;
  /** @returns the registers of a locality */
  registers(locality: number): readonly RegisterView[];
}

/** One register on the page. */
class RegisterRow {
  readonly root: HTMLElement;
  readonly #value: HTMLElement = element('code', { class: 'value' });
  readonly #meaning: HTMLElement = element('p');
  readonly #fields: readonly HTMLElement[];
  #last: number | undefined;

  constructor(view: RegisterView) {
    this.#fields = view.fields.map((field) =>
      element('li', { class: field.kind }, element('span', {}, field.name), element('b')),
    );
    this.root = element(
      'li',
      { class: 'register' },
      element(
        'div',
        { class: 'register-head' },
        element('h4', {}, view.name),
        element('code', { class: 'offset' }, `+${hexadecimalWord(view.offset, 3)}`),
        this.#value,
      ),
      this.#meaning,
      element('ul', { class: 'fields' }, ...this.#fields),
    );
  }

  update({ value, width, meaning, isAbsent, fields }: RegisterView): void {
    if (value === this.#last) return;
    if (this.#last !== undefined) flash(this.#value);
    this.#last = value;
    setText(this.#value, hexadecimalWord(value, 2 * width));
    setText(
      this.#meaning,
      isAbsent ? 'Reads as all ones: this locality doesn’t own the TPM' : meaning,
    );
    fields.forEach((field, index) => {
      this.#updateField(field, isAbsent, this.#fields[index]);
    });
  }

  #updateField(
    { kind, value, text }: FieldView,
    isAbsent: boolean,
    chip: HTMLElement | undefined,
  ): void {
    const words = chip?.querySelector('b');
    if (chip === undefined || words === null || words === undefined) return;
    setText(words, isAbsent ? '–' : kind === 'flag' ? `${value}` : text);
    chip.classList.toggle('on', !isAbsent && (kind === 'number' || value === 1));
  }
}

/** The device's registers as named fields. */
export class RegisterPanel implements Panel {
  readonly id = 'registers';
  readonly title = 'Registers';
  readonly root: HTMLElement;
  readonly #localities: HTMLElement = element('fieldset', { class: 'segmented' });
  readonly #owner: HTMLElement = element('span', { class: 'count' });
  readonly #list: HTMLElement = element('ul', { class: 'registers' });
  #source: RegisterSource | undefined;
  #rows: readonly RegisterRow[] = [];
  #locality = 0;

  constructor() {
    this.root = element(
      'div',
      { class: 'panel-content' },
      element(
        'p',
        { class: 'explain' },
        'What the guest’s driver sees at 0xFED4_0000. Looking here reads only registers whose read has no effect.',
      ),
      element('div', { class: 'tools' }, this.#localities, this.#owner),
      element('div', { class: 'scroll' }, this.#list),
    );
  }

  /** Another machine, or `undefined` while there is none. */
  connect(source: RegisterSource | undefined): void {
    if (this.#source?.localityCount !== source?.localityCount && source !== undefined) {
      this.#locality = 0;
      this.#rows = [];
      this.#list.replaceChildren();
      this.#offerLocalities(source.localityCount);
    }
    this.#source = source;
  }

  render(): void {
    const source = this.#source;
    if (source === undefined) return;
    const views = source.registers(this.#locality);
    if (this.#rows.length === 0) {
      this.#rows = views.map((view) => new RegisterRow(view));
      this.#list.replaceChildren(...this.#rows.map(({ root }) => root));
    }
    views.forEach((view, index) => {
      this.#rows[index]?.update(view);
    });
    const active = source.active();
    setText(this.#owner, active === undefined ? 'no owner' : `owner: locality ${active}`);
  }

  #offerLocalities(count: number): void {
    this.#localities.hidden = count === 1;
    this.#localities.replaceChildren(
      element('legend', { class: 'visually-hidden' }, 'Locality'),
      ...Array.from({ length: count }, (_, locality) => {
        const input = element('input', {
          type: 'radio',
          name: 'locality',
          value: `${locality}`,
          'aria-label': `Locality ${locality}`,
        });
        input.checked = locality === this.#locality;
        input.addEventListener('change', () => {
          this.#locality = locality;
          this.#rows = [];
          this.render();
        });
        return element('label', {}, input, element('span', {}, `L${locality}`));
      }),
    );
  }
}
