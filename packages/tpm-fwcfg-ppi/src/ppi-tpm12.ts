import { TPM_ORD, TPM_RESULT, TPM_TAG, type WireWriter } from 'tpm-core';
import { PPI_OPERATION, PPI_RESULT } from './ppi-layout.js';
import type { PpiSession, TpmReply } from './ppi-session.js';

/** TPM Main 1.2, Part 2, section 5.8, TPM_STARTUP_TYPE. */
const TPM_ST_CLEAR = 0x0001;
/** TPM Main 1.2, Part 2, section 4.9, TPM_PHYSICAL_PRESENCE. */
const PHYSICAL_PRESENCE = {
  present: 0x0008,
  notPresent: 0x0010,
  commandEnable: 0x0020,
  commandDisable: 0x0100,
} as const;
/** TPM Main 1.2, Part 2, section 21.1: the capability of the permanent flags. */
const CAPABILITY = {
  flags: 0x0000_0004,
  permanentFlags: 0x0000_0108,
  subCapabilitySize: 4,
} as const;
/** Response size field, TPM_PERMANENT_FLAGS tag, then one byte a flag (Part 2, section 7.1). */
const COMMAND_ENABLE_FLAG_OFFSET = 4 + 2 + 8;

/** One command of an operation. `reboot`: what follows works only after the next Startup. */
type Step =
  | 'enable'
  | 'disable'
  | 'activate'
  | 'deactivate'
  | 'clear'
  | 'ownerInstallTrue'
  | 'ownerInstallFalse'
  | 'reboot';

/**
 * Steps of the operations. A TPM that is enabled and activated is so in full after a reboot, and
 * only then can be cleared or accept a change of owner installation. Clearing disables and
 * deactivates it.
 */
const STEPS: ReadonlyMap<number, readonly Step[]> = new Map<number, readonly Step[]>([
  [PPI_OPERATION.enable, ['enable']],
  [PPI_OPERATION.disable, ['disable']],
  [PPI_OPERATION.activate, ['activate']],
  [PPI_OPERATION.deactivate, ['deactivate']],
  [PPI_OPERATION.clear, ['clear']],
  [PPI_OPERATION.enableActivate, ['enable', 'activate']],
  [PPI_OPERATION.deactivateDisable, ['deactivate', 'disable']],
  [PPI_OPERATION.setOwnerInstallTrue, ['ownerInstallTrue']],
  [PPI_OPERATION.setOwnerInstallFalse, ['ownerInstallFalse']],
  [
    PPI_OPERATION.enableActivateSetOwnerInstallTrue,
    ['enable', 'activate', 'reboot', 'ownerInstallTrue'],
  ],
  [
    PPI_OPERATION.setOwnerInstallFalseDeactivateDisable,
    ['ownerInstallFalse', 'deactivate', 'disable'],
  ],
  [PPI_OPERATION.clearEnableActivate, ['clear', 'enable', 'activate']],
  [PPI_OPERATION.enableActivateClear, ['enable', 'activate', 'reboot', 'clear']],
  [
    PPI_OPERATION.enableActivateClearEnableActivate,
    ['enable', 'activate', 'reboot', 'clear', 'enable', 'activate'],
  ],
]);

/** Operations that {@link performOnTpm12} knows. */
export const TPM12_OPERATIONS: readonly number[] = [...STEPS.keys()];

function send(
  session: PpiSession,
  ordinal: number,
  body?: (writer: WireWriter) => WireWriter,
): Promise<TpmReply> {
  return session.send(TPM_TAG.RQU_COMMAND, ordinal, body);
}

function setPresence(session: PpiSession, presence: number): Promise<TpmReply> {
  return send(session, TPM_ORD.TSC_PhysicalPresence, (writer) => writer.uint16(presence));
}

function sendFlag(session: PpiSession, ordinal: number, flag: boolean): Promise<TpmReply> {
  return send(session, ordinal, (writer) => writer.uint8(flag ? 1 : 0));
}

function takeStep(session: PpiSession, step: Exclude<Step, 'reboot'>): Promise<TpmReply> {
  switch (step) {
    case 'enable':
      return send(session, TPM_ORD.PhysicalEnable);
    case 'disable':
      return send(session, TPM_ORD.PhysicalDisable);
    case 'activate':
      return sendFlag(session, TPM_ORD.PhysicalSetDeactivated, false);
    case 'deactivate':
      return sendFlag(session, TPM_ORD.PhysicalSetDeactivated, true);
    case 'clear':
      return send(session, TPM_ORD.ForceClear);
    case 'ownerInstallTrue':
      return sendFlag(session, TPM_ORD.SetOwnerInstall, true);
    case 'ownerInstallFalse':
      return sendFlag(session, TPM_ORD.SetOwnerInstall, false);
  }
}

/** How far an operation got. */
export interface Tpm12Progress {
  /** A `PPI_RESULT`; success also when steps are left. */
  readonly result: number;
  /** Number of steps done, the reboot included, when more follow after it. */
  readonly resumeAt: number | undefined;
}

const ended = (result: number): Tpm12Progress => ({ result, resumeAt: undefined });

async function takeSteps(
  session: PpiSession,
  steps: readonly Step[],
  from: number,
): Promise<Tpm12Progress> {
  for (let index = from; index < steps.length; index++) {
    const step = steps[index]!;
    if (step === 'reboot') return { result: PPI_RESULT.success, resumeAt: index + 1 };
    const { result } = await takeStep(session, step);
    if (result !== PPI_RESULT.success) return ended(result);
  }
  return ended(PPI_RESULT.success);
}

/** Asserts physical presence by command for the time of `steps`, and leaves it as it was. */
async function whilePresent(
  session: PpiSession,
  steps: () => Promise<Tpm12Progress>,
): Promise<Tpm12Progress> {
  const flags = await send(session, TPM_ORD.GetCapability, (writer) =>
    writer
      .uint32(CAPABILITY.flags)
      .uint32(CAPABILITY.subCapabilitySize)
      .uint32(CAPABILITY.permanentFlags),
  );
  if (flags.result !== PPI_RESULT.success) return ended(flags.result);
  const wasEnabled = flags.body[COMMAND_ENABLE_FLAG_OFFSET] === 1;
  if (!wasEnabled) {
    const enabled = await setPresence(session, PHYSICAL_PRESENCE.commandEnable);
    if (enabled.result !== PPI_RESULT.success) return ended(enabled.result);
  }
  const present = await setPresence(session, PHYSICAL_PRESENCE.present);
  const progress = present.result === PPI_RESULT.success ? await steps() : ended(present.result);
  const absent = await setPresence(session, PHYSICAL_PRESENCE.notPresent);
  // The flag is permanent: left set, it would let software of the guest claim physical presence.
  const restored = wasEnabled
    ? absent
    : await setPresence(session, PHYSICAL_PRESENCE.commandDisable);
  if (progress.result !== PPI_RESULT.success) return progress;
  return restored.result === PPI_RESULT.success ? progress : ended(restored.result);
}

/**
 * Carries an operation out, or its part up to the next reboot: starts the TPM if nobody did and
 * sends the operation's commands with physical presence asserted.
 *
 * @param from number of steps that are done already
 */
export async function performOnTpm12(
  session: PpiSession,
  operation: number,
  from: number,
): Promise<Tpm12Progress> {
  const startup = await send(session, TPM_ORD.Startup, (writer) => writer.uint16(TPM_ST_CLEAR));
  const isStarted =
    startup.result === PPI_RESULT.success || startup.code === TPM_RESULT.INVALID_POSTINIT;
  if (!isStarted) return ended(startup.result);
  const steps = STEPS.get(operation) ?? [];
  return await whilePresent(session, () => takeSteps(session, steps, from));
}
