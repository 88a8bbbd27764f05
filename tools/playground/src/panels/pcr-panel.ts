import { element, flash, setText } from '../app/element.js';
import type { PcrBankView, PcrRow } from '../model/pcr-table.js';
import type { Panel } from './panel.js';

/** Digits of a PCR that stand together, as people compare them. */
const DIGIT_GROUP = 8;

function grouped(digits: string): string {
  return digits.match(new RegExp(`.{1,${DIGIT_GROUP}}`, 'g'))?.join(' ') ?? digits;
}

/** All PCRs of one bank. */
export class PcrPanel implements Panel {
  readonly id = 'pcrs';
  readonly title = 'PCRs';
  readonly root: HTMLElement;
  readonly #banks: HTMLElement = element('fieldset', { class: 'segmented' });
  readonly #body: HTMLTableSectionElement = element('tbody');
  readonly #empty: HTMLElement = element('p', { class: 'empty' });
  #views: readonly PcrBankView[] = [];
  #shown: PcrBankView | undefined;
  #chosen: number | undefined;

  constructor() {
    this.#banks.append(element('legend', { class: 'visually-hidden' }, 'Bank'));
    this.root = element(
      'div',
      { class: 'panel-content' },
      element(
        'p',
        { class: 'explain' },
        'A PCR can only be extended: new value = hash(old value ‖ measurement). What changes lights up. Read from a copy of the TPM, so that the guest’s TPM isn’t disturbed.',
      ),
      element('div', { class: 'tools' }, this.#banks),
      element(
        'div',
        { class: 'scroll' },
        this.#empty,
        element(
          'table',
          { class: 'pcrs' },
          element('caption', { class: 'visually-hidden' }, 'PCRs of the bank'),
          element(
            'thead',
            { class: 'visually-hidden' },
            element(
              'tr',
              {},
              element('th', { scope: 'col' }, 'PCR'),
              element('th', { scope: 'col' }, 'Value'),
            ),
          ),
          this.#body,
        ),
      ),
    );
  }

  /** @param views the banks; empty when the TPM isn't started */
  update(views: readonly PcrBankView[]): void {
    this.#views = views;
  }

  render(): void {
    this.#renderBanks();
    const view = this.#views.find(({ algorithm }) => algorithm === this.#chosen) ?? this.#views[0];
    this.#empty.hidden = view !== undefined;
    setText(this.#empty, 'The TPM is not started yet');
    if (view === this.#shown) return;
    const isSameBank = view?.algorithm === this.#shown?.algorithm;
    this.#shown = view;
    const rows = view?.rows ?? [];
    while (this.#body.rows.length > rows.length) this.#body.deleteRow(-1);
    rows.forEach((row, index) => {
      this.#renderRow(row, index, isSameBank);
    });
  }

  #renderRow(
    { pcr, usage, value, state, isChanged }: PcrRow,
    index: number,
    isSame: boolean,
  ): void {
    const present = this.#body.rows[index];
    const line =
      present ??
      element(
        'tr',
        {},
        element(
          'th',
          { scope: 'row' },
          element('b', { class: 'pcr-index' }, `${pcr}`),
          element('span', { class: 'pcr-usage' }, usage),
        ),
        element('td'),
      );
    if (present === undefined) this.#body.append(line);
    line.classList.toggle('reset', state === 'reset');
    const cell = line.cells[1];
    if (cell === undefined) return;
    setText(cell, grouped(value));
    if (isSame && isChanged) flash(line);
  }

  #renderBanks(): void {
    const names = this.#views.map(({ name }) => name).join();
    if (this.#banks.dataset.names === names) return;
    this.#banks.dataset.names = names;
    for (const label of this.#banks.querySelectorAll('label')) label.remove();
    this.#views.forEach(({ algorithm, name }, index) => {
      const input = element('input', { type: 'radio', name: 'bank', value: `${algorithm}` });
      input.checked = this.#chosen === undefined ? index === 0 : algorithm === this.#chosen;
      input.addEventListener('change', () => {
        this.#chosen = algorithm;
        this.render();
      });
      this.#banks.append(element('label', {}, input, element('span', {}, name)));
    });
  }
}
