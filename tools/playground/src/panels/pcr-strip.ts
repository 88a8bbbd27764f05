import { element, flash, setText } from '../app/element.js';
import type { PcrBankView } from '../model/pcr-table.js';

const PCR_COUNT = 24;
const SHOWN_DIGITS = 4;
const HUES = 360;

/** One small cell for each PCR, always visible; its colour comes from its value. */
export class PcrStrip {
  readonly #cells: readonly HTMLElement[];

  /** @param root an empty list */
  constructor(root: HTMLElement) {
    this.#cells = Array.from({ length: PCR_COUNT }, (_, pcr) => {
      const cell = element('li', { class: 'reset' }, element('b', {}, `${pcr}`), element('span'));
      root.append(cell);
      return cell;
    });
    this.update(undefined);
  }

  /** @param bank the bank to show; `undefined` when the TPM isn't started */
  update(bank: PcrBankView | undefined): void {
    this.#cells.forEach((cell, pcr) => {
      const row = bank?.rows.find((candidate) => candidate.pcr === pcr);
      const digits = row?.value.slice(0, SHOWN_DIGITS) ?? '····';
      const label = cell.querySelector('span');
      if (label !== null) setText(label, digits);
      const isExtended = row?.state === 'extended';
      cell.classList.toggle('extended', isExtended);
      cell.classList.toggle('reset', !isExtended);
      cell.title = row === undefined ? `PCR ${pcr}` : `PCR ${pcr}, ${row.usage}: ${row.value}`;
      const hue = isExtended ? Number.parseInt(digits, 16) % HUES : 0;
      cell.style.setProperty('--hue', `${hue}`);
      if (row?.isChanged === true) flash(cell);
    });
  }
}
