import { element, hexBlock, setText } from '../app/element.js';
import { type CommandStream, type Exchange, filterExchanges } from '../model/command-stream.js';
import { hexDump } from '../model/hexadecimal.js';
import type { Panel } from './panel.js';

/** Distance from the end in pixels within which the list follows new commands. */
const FOLLOW_DISTANCE = 40;

function milliseconds(duration: number): string {
  return duration < 100 ? `${duration.toFixed(1)} ms` : `${Math.round(duration)} ms`;
}

/** One row of the list. */
class ExchangeRow {
  readonly root: HTMLLIElement;
  readonly #code: HTMLElement = element('span', { class: 'code' });
  readonly #time: HTMLElement = element('span', { class: 'time' });
  readonly #details: HTMLDetailsElement;
  readonly #body: HTMLElement = element('div', { class: 'body' });
  #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#details = element(
      'details',
      {},
      element(
        'summary',
        {},
        element('span', { class: 'number' }, `${exchange.number}`),
        element('span', { class: 'name' }, exchange.name),
        element('span', { class: 'locality', title: 'Locality' }, `L${exchange.locality}`),
        this.#code,
        this.#time,
      ),
      this.#body,
    );
    this.#details.addEventListener('toggle', () => this.#fill());
    this.root = element('li', {}, this.#details);
    this.update(exchange);
  }

  update(exchange: Exchange): void {
    this.#exchange = exchange;
    const { answer } = exchange;
    setText(this.#code, answer === undefined ? 'running…' : answer.name.replace('TPM_RC_', ''));
    setText(this.#time, answer === undefined ? '' : milliseconds(answer.duration));
    this.#code.classList.toggle('running', answer === undefined);
    this.#code.classList.toggle('bad', answer !== undefined && !answer.isSuccess);
    this.#fill();
  }

  /** The dumps are made when somebody looks at them. */
  #fill(): void {
    if (!this.#details.open) {
      this.#body.replaceChildren();
      return;
    }
    const { command, answer } = this.#exchange;
    this.#body.replaceChildren(
      element('h4', {}, `Command, ${command.length} bytes`),
      hexBlock('Bytes of the command', hexDump(command)),
    );
    if (answer === undefined) return;
    this.#body.append(
      element('h4', {}, `Response, ${answer.response.length} bytes: ${answer.name}`),
      hexBlock('Bytes of the response', hexDump(answer.response)),
    );
  }
}

/** The decoded command stream. */
export class CommandPanel implements Panel {
  readonly id = 'commands';
  readonly title = 'Commands';
  readonly root: HTMLElement;
  readonly #stream: CommandStream;
  readonly #list: HTMLOListElement = element('ol', {
    class: 'exchanges',
    'aria-label': 'Commands',
  });
  readonly #scroll: HTMLElement;
  readonly #filter: HTMLInputElement = element('input', {
    type: 'search',
    placeholder: 'Filter, e.g. PCR_Extend',
    'aria-label': 'Filter by command or response code',
  });
  readonly #count: HTMLElement = element('span', { class: 'count' });
  readonly #empty: HTMLElement = element('p', { class: 'empty' });
  readonly #rows = new Map<number, { row: ExchangeRow; exchange: Exchange }>();
  #shownFilter = '';
  #shownRevision = -1;

  constructor(stream: CommandStream) {
    this.#stream = stream;
    const clear = element('button', { type: 'button', class: 'small' }, 'Clear');
    clear.addEventListener('click', () => {
      stream.clear();
      this.render();
    });
    this.#filter.addEventListener('input', () => this.render());
    this.#scroll = element('div', { class: 'scroll' }, this.#empty, this.#list);
    this.root = element(
      'div',
      { class: 'panel-content' },
      element(
        'p',
        { class: 'explain' },
        'Every command that firmware and Linux send, and the TPM’s answer. Open one to see its bytes.',
      ),
      element('div', { class: 'tools' }, this.#filter, this.#count, clear),
      this.#scroll,
    );
  }

  render(): void {
    const filter = this.#filter.value;
    if (filter === this.#shownFilter && this.#stream.revision === this.#shownRevision) return;
    const isFollowing = this.#distanceToEnd() < FOLLOW_DISTANCE;
    const shown = filterExchanges(this.#stream.exchanges, filter);
    this.#show(shown);
    this.#shownFilter = filter;
    this.#shownRevision = this.#stream.revision;
    const kept = this.#stream.exchanges.length;
    setText(this.#count, shown.length === kept ? `${kept} shown` : `${shown.length} of ${kept}`);
    this.#empty.hidden = shown.length > 0;
    setText(this.#empty, kept === 0 ? 'No command yet' : 'No command matches the filter');
    if (isFollowing) this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** Adds, changes and removes only what differs, so that open rows stay open. */
  #show(exchanges: readonly Exchange[]): void {
    const wanted = new Set(exchanges.map(({ number }) => number));
    for (const [number, { row }] of this.#rows) {
      if (wanted.has(number)) continue;
      row.root.remove();
      this.#rows.delete(number);
    }
    let next: Element | null = this.#list.firstElementChild;
    for (const exchange of exchanges) {
      const known = this.#rows.get(exchange.number);
      const row = known?.row ?? new ExchangeRow(exchange);
      if (known !== undefined && known.exchange !== exchange) row.update(exchange);
      this.#rows.set(exchange.number, { row, exchange });
      if (row.root === next) next = next.nextElementSibling;
      else this.#list.insertBefore(row.root, next);
    }
  }

  #distanceToEnd(): number {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    return scrollHeight - scrollTop - clientHeight;
  }
}
