import { ORDERLY } from './state/permanent-state.js';
import type { Tpm } from './tpm.js';

/**
 * Notes that state which a Shutdown had saved, or that a Shutdown declares complete, was changed
 * after it (Part 1, section 12.2.4): the stop that follows is a disorderly one unless there is
 * another Shutdown. Every change of `state.reset` or `state.clear` calls this, once it's decided.
 */
export function undoShutdown(tpm: Tpm): void {
  const { permanent } = tpm.state;
  if (permanent.orderly !== ORDERLY.CLEAR && permanent.orderly !== ORDERLY.STATE) return;
  permanent.orderly = ORDERLY.NONE;
  tpm.state.saved = undefined;
  tpm.permanentChanged = true;
}
