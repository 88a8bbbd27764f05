import type { V86Cpu } from './v86-members.js';

/** How often v86 looks whether a guest may go on, in milliseconds. */
const WAIT = 1;

/**
 * Makes the guest stand still while the TPM is started, restored or saved, as real hardware holds
 * the processor in reset. v86 itself goes on, and counts as running.
 */
export class GuestHold {
  #holders = 0;

  /** @param cpu its `main_loop` is replaced */
  constructor(cpu: V86Cpu) {
    const mainLoop = cpu.main_loop;
    cpu.main_loop = () => (this.#holders > 0 ? WAIT : mainLoop.call(cpu));
  }

  /** @returns a function that lets the guest go on, unless somebody else holds it too */
  hold(): () => void {
    this.#holders++;
    let isHeld = true;
    return () => {
      if (isHeld) this.#holders--;
      isHeld = false;
    };
  }
}
