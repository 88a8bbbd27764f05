import { type LocalityOrNone, type LocalityRegisters, NO_LOCALITY } from './locality.js';
import { ACCESS } from './registers.js';
import type { TisCore } from './tis-core.js';

/** @returns the highest locality that waits for the TPM, apart from `except` */
function highestWaiting(core: TisCore, except: LocalityRegisters | undefined): LocalityOrNone {
  for (let number = core.localities.length - 1; number >= 0; number--) {
    const locality = core.localities[number]!;
    if (locality.requestUse && locality !== except) return locality.number;
  }
  return NO_LOCALITY;
}

/** @returns the bits of TPM_ACCESS that are kept, and tpmRegValidSts */
export function storedAccess(core: TisCore, locality: LocalityRegisters): number {
  return (
    ACCESS.tpmRegValidSts |
    (core.active === locality.number ? ACCESS.activeLocality : 0) |
    (locality.beenSeized ? ACCESS.beenSeized : 0) |
    (locality.seize ? ACCESS.seize : 0) |
    (locality.requestUse ? ACCESS.requestUse : 0)
  );
}

/** @returns TPM_ACCESS as the guest reads it */
export function readAccess(core: TisCore, locality: LocalityRegisters): number {
  return (
    (storedAccess(core, locality) & ~ACCESS.seize) |
    (highestWaiting(core, locality) === NO_LOCALITY ? 0 : ACCESS.pendingRequest) |
    (core.port.established ? 0 : ACCESS.tpmEstablishment)
  );
}

/** @returns whether a seize by this locality takes effect */
function maySeize(core: TisCore, locality: LocalityRegisters): boolean {
  if (core.active !== NO_LOCALITY && locality.number <= core.active) return false;
  for (let number: number = locality.number; number < core.localities.length; number++) {
    if (core.localities[number]!.seize) return false;
  }
  return true;
}

/** Takes the TPM away from a lower locality, or takes it when nobody owns it. */
function seize(core: TisCore, locality: LocalityRegisters): void {
  for (let number = 0; number < locality.number; number++) core.localities[number]!.seize = false;
  locality.seize = true;
  core.startAbort(core.active, locality.number);
}

/**
 * A write to TPM_ACCESS. TIS leaves several bits at once undefined. QEMU: each is processed, in the
 * order activeLocality, beenSeized, seize, requestUse; seize displaces activeLocality and
 * requestUse; the owner changes at the end, except where an abort changes it.
 */
export function writeAccess(core: TisCore, locality: LocalityRegisters, value: number): void {
  const seizing = (value & ACCESS.seize) !== 0;
  let target = core.active;
  let ownerDecided = false;
  if ((value & ACCESS.activeLocality) !== 0 && !seizing) {
    if (core.active !== locality.number) {
      locality.requestUse = false;
    } else {
      target = highestWaiting(core, undefined);
      if (target !== NO_LOCALITY) {
        core.startAbort(locality.number, target);
        ownerDecided = true;
      }
    }
  }
  if ((value & ACCESS.beenSeized) !== 0) locality.beenSeized = false;
  if (seizing && maySeize(core, locality)) {
    seize(core, locality);
    ownerDecided = true;
  }
  if ((value & ACCESS.requestUse) !== 0 && !seizing && core.active !== locality.number) {
    if (core.active !== NO_LOCALITY) locality.requestUse = true;
    else target = locality.number;
  }
  if (!ownerDecided) core.changeOwner(target);
}
