import type { Panel } from '../panels/panel.js';
import { element } from './element.js';

/** The inspector's tabs (WAI-ARIA tab pattern: arrows, Home and End move, the panel follows). */
export class Tabs {
  readonly #panels: readonly Panel[];
  readonly #tabs: readonly HTMLButtonElement[];
  readonly #containers: readonly HTMLElement[];
  #active = 0;

  constructor(list: HTMLElement, container: HTMLElement, panels: readonly Panel[]) {
    this.#panels = panels;
    this.#tabs = panels.map(({ id, title }, index) => {
      const tab = element(
        'button',
        { type: 'button', role: 'tab', id: `tab-${id}`, 'aria-controls': `panel-${id}` },
        title,
      );
      tab.addEventListener('click', () => this.show(index));
      return tab;
    });
    this.#containers = panels.map(({ id, root }) =>
      element(
        'div',
        { role: 'tabpanel', id: `panel-${id}`, 'aria-labelledby': `tab-${id}`, tabindex: '0' },
        root,
      ),
    );
    list.append(...this.#tabs);
    container.append(...this.#containers);
    list.addEventListener('keydown', (event) => this.#onKey(event));
    this.show(0);
  }

  /** The panel that is visible. */
  get active(): Panel | undefined {
    return this.#panels[this.#active];
  }

  show(index: number): void {
    this.#active = index;
    this.#tabs.forEach((tab, position) => {
      const isActive = position === index;
      tab.setAttribute('aria-selected', `${isActive}`);
      tab.tabIndex = isActive ? 0 : -1;
      const container = this.#containers[position];
      if (container !== undefined) container.hidden = !isActive;
    });
    this.active?.render();
  }

  /** Shows a panel and says so to assistive technology. */
  showPanel(panel: Panel): void {
    this.show(this.#panels.indexOf(panel));
  }

  #onKey(event: KeyboardEvent): void {
    const last = this.#tabs.length - 1;
    const targets: Readonly<Record<string, number>> = {
      ArrowRight: this.#active === last ? 0 : this.#active + 1,
      ArrowLeft: this.#active === 0 ? last : this.#active - 1,
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.show(target);
    this.#tabs[target]?.focus();
  }
}
