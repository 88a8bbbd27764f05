import { GUEST_READY } from '@tpmdev/guest/proof';

/** How far the guest is. */
export type BootPhase = 'power-on' | 'firmware' | 'kernel' | 'user-space' | 'shell';

/** What the phases are called. */
export const PHASE_TEXT: Readonly<Record<BootPhase, string>> = {
  'power-on': 'Switched on',
  firmware: 'SeaBIOS starts the TPM and measures the machine',
  kernel: 'Linux unpacks itself and looks for the TPM',
  'user-space': 'Linux shows what it knows of the TPM',
  shell: 'The guest’s shell is ready',
};

/** The phases in the order in which they come. */
export const PHASES: readonly BootPhase[] = [
  'power-on',
  'firmware',
  'kernel',
  'user-space',
  'shell',
];

/** The last command that SeaBIOS sends before it hands over: it gives the platform hierarchy away. */
const LAST_FIRMWARE_COMMAND = 'TPM2_HierarchyChangeAuth';

/** Tells from the TPM's commands and the serial console how far a boot is. Never goes back. */
export class BootProgress {
  #phase: BootPhase = 'power-on';
  #tail = '';

  get phase(): BootPhase {
    return this.#phase;
  }

  /** @param name of a command that the guest sent */
  command(name: string): void {
    this.#advance(name === LAST_FIRMWARE_COMMAND ? 'kernel' : 'firmware');
  }

  /** @param text what the guest printed on its serial console; may be cut anywhere */
  output(text: string): void {
    if (this.#phase === 'shell' || text === '') return;
    this.#advance('user-space');
    const seen = this.#tail + text;
    if (seen.includes(GUEST_READY)) this.#advance('shell');
    this.#tail = seen.slice(-GUEST_READY.length);
  }

  #advance(phase: BootPhase): void {
    if (PHASES.indexOf(phase) > PHASES.indexOf(this.#phase)) this.#phase = phase;
  }
}
