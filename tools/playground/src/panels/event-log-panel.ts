import { element, hexBlock, setText } from '../app/element.js';
import type { EventLogView, EventRow, LogVerdict } from '../model/event-log-view.js';
import { hexDump } from '../model/hexadecimal.js';
import type { Panel } from './panel.js';

const TITLES: Readonly<Record<LogVerdict['state'], string>> = {
  empty: 'No log yet',
  malformed: 'The log can’t be read',
  unknown: 'Not checked',
  agrees: 'Log and PCRs agree',
  differs: 'Log and PCRs differ',
};

function rowElement({ number, pcr, type, digest, description, data, isWrong }: EventRow) {
  const body = element('div', { class: 'body' });
  const details = element(
    'details',
    {},
    element(
      'summary',
      {},
      element('span', { class: 'number' }, `${number}`),
      element('span', { class: 'pcr' }, pcr === undefined ? '–' : `PCR ${pcr}`),
      element('span', { class: 'name' }, type.replace(/^EV_/, '')),
      element('span', { class: 'description' }, description),
    ),
    body,
  );
  details.addEventListener('toggle', () => {
    if (!details.open) return body.replaceChildren();
    body.replaceChildren(
      element('h4', {}, `${type}, digest`),
      element('pre', { class: 'hex', tabindex: '0', 'aria-label': 'Digest' }, digest),
      element('h4', {}, `Event data, ${data.length} bytes`),
      hexBlock('Event data', hexDump(data, 512)),
    );
  });
  return element('li', isWrong ? { class: 'wrong' } : {}, details);
}

/** The firmware's event log with the outcome of its replay. */
export class EventLogPanel implements Panel {
  readonly id = 'log';
  readonly title = 'Event log';
  readonly root: HTMLElement;
  readonly #verdict: HTMLElement = element('div', { class: 'verdict', role: 'status' });
  readonly #title: HTMLElement = element('b', { class: 'verdict-title' });
  readonly #text: HTMLElement = element('span');
  readonly #list: HTMLElement = element('ol', { class: 'events', 'aria-label': 'Events' });
  #view: EventLogView | undefined;
  #shown: EventLogView | undefined;

  constructor() {
    this.#verdict.append(this.#title, this.#text);
    this.root = element(
      'div',
      { class: 'panel-content' },
      element(
        'p',
        { class: 'explain' },
        'Firmware writes down what it measures. Whoever replays the log must get the PCRs: only then is the log true.',
      ),
      this.#verdict,
      element('div', { class: 'scroll' }, this.#list),
    );
  }

  update(view: EventLogView): void {
    this.#view = view;
  }

  render(): void {
    const view = this.#view;
    if (view === this.#shown && this.#verdict.dataset.state !== undefined) return;
    const verdict = view?.verdict ?? { state: 'empty', text: 'Nothing is measured yet' };
    this.#verdict.dataset.state = verdict.state;
    setText(this.#title, TITLES[verdict.state]);
    setText(this.#text, verdict.text);
    if (this.#needsRows(view)) this.#list.replaceChildren(...(view?.rows ?? []).map(rowElement));
    this.#shown = view;
  }

  /** Rows that somebody opened stay open while the log is the same. */
  #needsRows(view: EventLogView | undefined): boolean {
    const key = (rows: readonly EventRow[] = []) =>
      rows.map(({ type, digest, isWrong }) => `${type} ${digest} ${isWrong}`).join();
    return key(view?.rows) !== key(this.#shown?.rows);
  }
}
