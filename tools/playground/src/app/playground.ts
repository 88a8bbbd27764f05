// The life of the page: one TPM, and one machine after the other that it is in.

import type { TpmProof } from '@tpmdev/guest/proof';
import type { PpiRequest, PpiSnapshot } from 'tpm-fwcfg-ppi/ppi';
import { BootProgress } from '../model/boot-progress.js';
import { checkProof, ProofReader } from '../model/guest-proof.js';
import { readStateFile, stateFileName } from '../model/state-file.js';
import { StatePanel } from '../panels/state-panel.js';
import { SerialConsole } from './console.js';
import { type Question, QuestionDialog } from './dialog.js';
import { byId, element } from './element.js';
import type { GuestImages } from './guest-images.js';
import { Machine, type TpmModel } from './machine.js';
import type { MachineView } from './machine-view.js';
import { Tabs } from './tabs.js';
import type { TpmHost } from './tpm-host.js';
import { messageOf, TpmWatch } from './tpm-watch.js';

/** Milliseconds between two renderings of the page's numbers. */
const RENDER_INTERVAL = 100;

const RESET: Question = {
  title: 'Reset the TPM?',
  text: 'Its seeds, keys and authorization values are gone for good, and the guest is restarted with a new TPM. Export it first if you may want it back.',
  action: 'Reset the TPM',
};

/** What the machines are made of. */
export interface Parts {
  readonly images: GuestImages;
  readonly host: TpmHost;
}

/** The page at work. Everything is on it from the start; it comes alive with {@link begin}. */
export class Playground {
  readonly #view: MachineView;
  readonly #dialog = new QuestionDialog();
  #parts: Parts | undefined;
  readonly #watch: TpmWatch;
  readonly #statePanel: StatePanel;
  readonly #tabs: Tabs;
  readonly #console: SerialConsole;
  #machine: Machine | undefined;
  #model: TpmModel = 'tpm-tis';
  #progress = new BootProgress();
  #proof = new ProofReader();
  /** Operations on the machine run one after the other. */
  #last: Promise<void> = Promise.resolve();
  #isBusy = false;
  /** What the machine still says doesn't count. */
  #isCrashed = false;

  constructor(view: MachineView) {
    this.#view = view;
    this.#watch = new TpmWatch({
      readPcrs: async () => this.#parts?.host.pcrs(),
      strip: byId('strip'),
      onCommand: (name) => this.#onCommand(name),
      onError: (error) => this.crashed(error),
    });
    this.#statePanel = new StatePanel({
      exportState: () => void this.#export(),
      importState: (file) => void this.#import(file),
      resetState: () => void this.#reset(),
    });
    this.#tabs = new Tabs(byId('tabs'), byId('panels'), [
      this.#watch.commandPanel,
      this.#watch.pcrPanel,
      this.#watch.logPanel,
      this.#watch.registerPanel,
      this.#statePanel,
    ]);
    this.#console = new SerialConsole(byId('terminal'), {
      onInput: (bytes) => this.#machine?.type(bytes),
      onOutput: (text) => this.#onOutput(text),
      onLeave: (backward) => (backward ? view.restart : byId('inspector')).focus(),
    });
    this.#statePanel.enable(false);
    this.#connectControls();
    window.setInterval(() => this.#render(), RENDER_INTERVAL);
  }

  /** Switches the first machine on. */
  begin(parts: Parts): Promise<void> {
    this.#parts = parts;
    this.storageChanged();
    return this.restart();
  }

  /** Switches the machine on, after switching the present one off. */
  restart(): Promise<void> {
    return this.#operate(async () => {
      await this.#switchOff();
      if (this.#parts !== undefined) this.#switchOn(this.#parts);
    });
  }

  /** The guest reboots. The TPM's part of that is under way in the machine before. */
  #reboot(): Promise<void> {
    return this.#operate(async () => {
      const machine = this.#machine;
      await this.#switchOff();
      if (this.#parts !== undefined) this.#switchOn(this.#parts, machine?.ppi());
    });
  }

  /** The page's program failed: the machine can't be trusted to go on. */
  crashed(error: unknown): void {
    this.#isCrashed = true;
    this.#view.failed(`The machine stopped: ${messageOf(error)}`, 'Restart guest', () => {
      void this.restart();
    });
  }

  /** Something went wrong that the guest doesn't see as such; it goes on. */
  report(error: unknown): void {
    this.#view.notice(messageOf(error));
  }

  /** Shows where the TPM is kept. */
  storageChanged(): void {
    const storage = this.#parts?.host.storage;
    if (storage === undefined) return;
    this.#view.storage(storage);
    this.#statePanel.update(storage);
  }

  #connectControls(): void {
    this.#view.restart.addEventListener('click', () => void this.restart());
    this.#view.pause.addEventListener('click', () => void this.#togglePause());
    const chosen = document.querySelector<HTMLInputElement>('#model input:checked');
    this.#choose(chosen?.value);
    byId('model').addEventListener('change', (event) => {
      if (!(event.target instanceof HTMLInputElement)) return;
      this.#choose(event.target.value);
      void this.restart();
    });
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'F6' || event.defaultPrevented) return;
      event.preventDefault();
      this.#console.focus();
    });
  }

  #choose(model: string | undefined): void {
    this.#model = model === 'tpm-crb' ? 'tpm-crb' : 'tpm-tis';
  }

  /** Runs an operation after the ones before it; the buttons are off meanwhile. */
  #operate(operation: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(async () => {
      this.#isBusy = true;
      this.#showControls();
      try {
        await operation();
      } catch (error) {
        this.crashed(error);
      } finally {
        this.#isBusy = false;
        this.#showControls();
      }
    });
    return this.#last;
  }

  #switchOn({ images, host }: Parts, ppi?: PpiSnapshot): void {
    this.#isCrashed = false;
    this.#progress = new BootProgress();
    this.#proof = new ProofReader();
    this.#console.clear();
    this.#view.notice(host.storage.notice);
    this.#view.showProof(undefined);
    this.#watch.isMeasuring = true;
    this.#view.phase(this.#progress.phase);
    const machine = new Machine({
      images,
      model: this.#model,
      backend: host.backend,
      trace: (event) => this.#watch.trace(event),
      onSerial: (byte) => this.#console.print(byte),
      ppi,
      confirm: (request) => this.#confirm(request),
      onReboot: () => void this.#reboot(),
      onFailed: (error) => this.crashed(error),
      onError: (error) => this.report(error),
    });
    this.#machine = machine;
    this.#watch.connect(machine, this.#model);
  }

  async #switchOff(): Promise<void> {
    const machine = this.#machine;
    this.#machine = undefined;
    this.#watch.connect(undefined, this.#model);
    if (machine !== undefined) this.#view.restarting();
    await machine?.destroy();
    this.#watch.stream.clear();
  }

  #togglePause(): Promise<void> {
    return this.#operate(async () => {
      if (this.#machine?.isPaused === true) await this.#machine.resume();
      else await this.#machine?.pause();
    });
  }

  #showControls(): void {
    const isEnabled = !this.#isBusy && this.#machine !== undefined;
    this.#view.enable(isEnabled, this.#machine?.isPaused === true);
    this.#statePanel.enable(isEnabled);
  }

  #onCommand(name: string): void {
    this.#progress.command(name);
    this.#showPhase();
  }

  #onOutput(text: string): void {
    this.#progress.output(text);
    this.#showPhase();
    const proof = this.#proof.output(text);
    if (proof !== undefined)
      void this.#showProof(proof).catch((error: unknown) => this.crashed(error));
  }

  #showPhase(): void {
    if (this.#isCrashed) return;
    const { phase } = this.#progress;
    const wasMeasuring = this.#watch.isMeasuring;
    this.#watch.isMeasuring = phase === 'power-on' || phase === 'firmware';
    if (wasMeasuring && !this.#watch.isMeasuring) this.#watch.refresh();
    this.#view.phase(phase);
  }

  async #showProof(proof: TpmProof): Promise<void> {
    await this.#watch.lookNow();
    const { banks, logLength } = this.#watch;
    this.#view.showProof(checkProof(proof, this.#model, banks, logLength));
  }

  #render(): void {
    this.#tabs.active?.render();
    const { registerAccesses, commands } = this.#watch;
    const isPaused = this.#machine?.isPaused === true;
    this.#view.path({ registerAccesses, commands, isPaused }, this.#model);
  }

  async #export(): Promise<void> {
    const state = await this.#parts?.host.exportState();
    if (state === undefined) {
      this.#statePanel.say('There is nothing to export before the TPM was started once', true);
      return;
    }
    const url = URL.createObjectURL(new Blob([state.slice()]));
    const name = stateFileName(new Date());
    element('a', { href: url, download: name }).click();
    URL.revokeObjectURL(url);
    this.#statePanel.say(`Exported ${state.length} bytes as ${name}`, false);
  }

  async #import(file: File): Promise<void> {
    const { state, problem } = await readStateFile(file);
    if (problem !== undefined) {
      this.#statePanel.say(problem, true);
      return;
    }
    const isAgreed = await this.#dialog.ask({
      title: `Import “${file.name}”?`,
      text: 'The TPM of this page is replaced by the one in the file, and the guest is restarted. Export the present one first if you may want it back.',
      action: 'Replace the TPM',
    });
    if (isAgreed) await this.#replace(state, `Imported “${file.name}”`);
  }

  /** Somebody at the page is what "physically present" means here. */
  #confirm({ operation, name }: PpiRequest): Promise<boolean> {
    return this.#dialog.ask({
      title: 'Does the guest have your permission?',
      text: `Before it rebooted it requested operation ${operation} (“${name}”) of the physical presence interface. Only somebody at the machine can allow that.`,
      action: 'Allow it',
    });
  }

  async #reset(): Promise<void> {
    if (await this.#dialog.ask(RESET)) await this.#replace(undefined, 'The TPM is new');
  }

  #replace(state: Uint8Array | undefined, done: string): Promise<void> {
    return this.#operate(async () => {
      const parts = this.#parts;
      if (parts === undefined) return;
      await this.#switchOff();
      await parts.host.replace(state);
      this.#switchOn(parts);
      this.#statePanel.say(done, false);
    });
  }
}
