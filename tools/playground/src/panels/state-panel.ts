import { element, setText } from '../app/element.js';
import type { StorageStatus } from '../app/tpm-host.js';
import type { Panel } from './panel.js';

/** What the buttons do. */
export interface StateActions {
  exportState(): void;
  importState(file: File): void;
  resetState(): void;
}

/** Where the TPM is kept, and what can be done with it. */
export class StatePanel implements Panel {
  readonly id = 'state';
  readonly title = 'State';
  readonly root: HTMLElement;
  readonly #values = new Map<string, HTMLElement>();
  readonly #buttons: readonly HTMLButtonElement[];
  readonly #file: HTMLInputElement = element('input', {
    type: 'file',
    accept: '.state',
    hidden: '',
    'aria-label': 'File to import',
    id: 'import-file',
  });
  readonly #result: HTMLElement = element('p', { class: 'result', role: 'status' });
  #status: StorageStatus | undefined;

  constructor(actions: StateActions) {
    const button = (text: string, id: string, kind: string, action: () => void) => {
      const made = element('button', { type: 'button', id, class: kind }, text);
      made.addEventListener('click', action);
      return made;
    };
    this.#buttons = [
      button('Export', 'export', '', actions.exportState),
      button('Import…', 'import', '', () => this.#file.click()),
      button('Reset TPM…', 'reset', 'danger', actions.resetState),
    ];
    this.#file.addEventListener('change', () => {
      const file = this.#file.files?.[0];
      if (file !== undefined) actions.importState(file);
      this.#file.value = '';
    });
    this.root = this.#layout();
  }

  /** @param status where the TPM is kept */
  update(status: StorageStatus): void {
    this.#status = status;
  }

  /** Whether the buttons can be used. */
  enable(isEnabled: boolean): void {
    for (const button of this.#buttons) button.disabled = !isEnabled;
  }

  /** Says how an action ended. */
  say(text: string, isProblem: boolean): void {
    this.#result.classList.toggle('bad', isProblem);
    setText(this.#result, text);
  }

  render(): void {
    const status = this.#status;
    if (status === undefined) return;
    const { kind, size, writes, writtenAt, notice } = status;
    this.#set(
      'Kept in',
      kind === 'indexeddb' ? 'IndexedDB of this browser' : 'memory of this page',
    );
    this.#set('Size', size === 0 ? 'nothing stored yet' : `${size.toLocaleString('en')} bytes`);
    this.#set('Writes', `${writes} since this page was opened`);
    this.#set(
      'Last write',
      writtenAt === undefined ? 'none' : new Date(writtenAt).toLocaleTimeString(),
    );
    this.#set('Survives', notice ?? 'restarts of the guest, reloads of the page, the browser');
  }

  #set(name: string, text: string): void {
    const value = this.#values.get(name);
    if (value !== undefined) setText(value, text);
  }

  #layout(): HTMLElement {
    const list = element('dl', { class: 'facts' });
    for (const name of ['Kept in', 'Size', 'Writes', 'Last write', 'Survives']) {
      const value = element('dd');
      this.#values.set(name, value);
      list.append(element('dt', {}, name), value);
    }
    return element(
      'div',
      { class: 'panel-content' },
      element(
        'p',
        { class: 'explain' },
        'The TPM’s permanent half: seeds, hierarchies, authorization values, clock. PCRs and sessions are not part of it: they begin anew with each start, as in a chip.',
      ),
      element(
        'div',
        { class: 'scroll' },
        list,
        element('div', { class: 'actions' }, ...this.#buttons, this.#file),
        this.#result,
        element(
          'p',
          { class: 'small-print' },
          'An exported file holds the TPM’s secrets in clear. It is the file tpm2.state that the command line and Node keep, so that this TPM can go on there. Import and Reset replace the TPM and restart the guest.',
        ),
      ),
    );
  }
}
