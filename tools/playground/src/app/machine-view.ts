// What is shown of the machine: the console's frame, the way of a command, and the buttons.

import { type BootPhase, PHASE_TEXT, PHASES } from '../model/boot-progress.js';
import type { ProofCheck } from '../model/guest-proof.js';
import { byId, element, setText } from './element.js';
import type { LoadProgress } from './guest-images.js';
import type { TpmModel } from './machine.js';
import type { StorageStatus } from './tpm-host.js';

/** Part of the progress bar that loading takes; booting takes the rest. */
const LOADING_SHARE = 30;
const MEBIBYTE = 1_048_576;

/** Numbers that the way of a command shows. */
export interface PathCounts {
  readonly registerAccesses: number;
  readonly commands: number;
  readonly isPaused: boolean;
}

/** @returns `1 write`, `2 writes` */
function counted(count: number, noun: string): string {
  const plural = noun.endsWith('s') ? `${noun}es` : `${noun}s`;
  return `${count.toLocaleString('en')} ${count === 1 ? noun : plural}`;
}

const PROOF_NAMES = ['Kernel log', 'Devices', 'Version', 'PCR 0–7', 'Event log', 'Random numbers'];

/** The frame around the console. */
export class MachineView {
  readonly pause: HTMLButtonElement = byId('pause');
  readonly restart: HTMLButtonElement = byId('restart');
  readonly #phase = byId('phase');
  readonly #progress = byId('progress');
  readonly #cover = byId('cover');
  readonly #coverContent = byId('cover-content');
  readonly #proof = byId('proof');

  constructor() {
    this.showProof(undefined);
  }

  loading({ loaded, total }: LoadProgress): void {
    const megabytes = (bytes: number) => (bytes / MEBIBYTE).toFixed(1);
    this.#setProgress(total === 0 ? 0 : (loaded / total) * LOADING_SHARE);
    setText(this.#phase, 'Loading firmware and Linux');
    this.cover(`Loading ${megabytes(loaded)} of ${megabytes(total)} MiB`);
  }

  phase(phase: BootPhase): void {
    const share = PHASES.indexOf(phase) / (PHASES.length - 1);
    this.#setProgress(LOADING_SHARE + share * (100 - LOADING_SHARE));
    setText(this.#phase, PHASE_TEXT[phase]);
    this.#phase.dataset.phase = phase;
    if (phase === 'user-space' || phase === 'shell') this.#cover.hidden = true;
    else this.cover(PHASE_TEXT[phase]);
  }

  /** One machine ends, the next isn't there yet. */
  restarting(): void {
    setText(this.#phase, 'Restarting');
    this.#phase.dataset.phase = 'restarting';
    this.#setProgress(LOADING_SHARE);
    this.showProof(undefined);
  }

  /** Shows a line over the empty terminal. */
  cover(text: string): void {
    this.#cover.hidden = false;
    this.#cover.classList.remove('failed');
    const line = this.#coverContent.querySelector('p');
    if (line !== null && this.#coverContent.childElementCount === 2) setText(line, text);
    else this.#coverContent.replaceChildren(spinner(), element('p', {}, text));
  }

  /** Shows a failure with what can be done about it. */
  failed(message: string, action: string, onAction: () => void): void {
    const button = element('button', { type: 'button' }, action);
    button.addEventListener('click', onAction);
    setText(this.#phase, 'Stopped');
    this.#phase.dataset.phase = 'failed';
    this.#cover.hidden = false;
    this.#cover.classList.add('failed');
    this.#coverContent.replaceChildren(
      element('p', { role: 'alert' }, message),
      button,
      element('span'),
    );
  }

  /** Buttons of the machine can be used, or not. */
  enable(isEnabled: boolean, isPaused: boolean): void {
    this.pause.disabled = !isEnabled;
    this.restart.disabled = !isEnabled;
    setText(this.pause, isPaused ? 'Resume' : 'Pause');
    for (const input of document.querySelectorAll<HTMLInputElement>('#model input')) {
      input.disabled = !isEnabled;
    }
  }

  path({ registerAccesses, commands, isPaused }: PathCounts, model: TpmModel): void {
    setText(byId('path-guest'), isPaused ? 'paused' : 'Linux in v86');
    setText(byId('path-device-name'), model === 'tpm-tis' ? 'TIS device' : 'CRB device');
    setText(byId('path-device'), counted(registerAccesses, 'register access'));
    setText(byId('path-tpm'), counted(commands, 'command'));
  }

  storage({ kind, writes, notice }: StorageStatus): void {
    setText(byId('path-store-name'), kind === 'indexeddb' ? 'IndexedDB' : 'Memory');
    setText(byId('path-store'), counted(writes, 'write'));
    if (notice !== undefined) this.notice(notice);
  }

  /** Shows a line above everything; `undefined` takes it away. */
  notice(text: string | undefined): void {
    const line = byId('notice');
    line.hidden = text === undefined;
    setText(line, text ?? '');
  }

  /** What Linux confirmed; `undefined` while it hasn't said anything. */
  showProof(checks: readonly ProofCheck[] | undefined): void {
    const shown =
      checks ?? PROOF_NAMES.map((name) => ({ name, text: 'not yet', isPassed: undefined }));
    this.#proof.replaceChildren(
      ...shown.map(({ name, text, isPassed }) => {
        const state = isPassed === undefined ? 'waiting' : isPassed ? 'passed' : 'failed';
        const sign = { waiting: '·', passed: '✓', failed: '✗' }[state];
        const spoken = { waiting: 'not yet', passed: 'confirmed', failed: 'not confirmed' }[state];
        return element(
          'li',
          { class: `check ${state}`, title: `${name}: ${text}` },
          element('i', { 'aria-hidden': 'true' }, sign),
          name,
          element('span', { class: 'visually-hidden' }, `: ${spoken}, ${text}`),
        );
      }),
    );
  }

  #setProgress(percent: number): void {
    const rounded = Math.round(percent);
    this.#progress.setAttribute('aria-valuenow', `${rounded}`);
    this.#progress.style.setProperty('--progress', `${rounded}%`);
  }
}

function spinner(): HTMLElement {
  return element('div', { class: 'spinner', 'aria-hidden': 'true' });
}
