import { busOver, FwCfgClient, type ListedFile } from './fw-cfg-client.js';
import {
  type DrivenHeadless,
  type DrivenProcess,
  type MachineChoice,
  startEmulator,
  startHeadless,
  startSwtpm,
} from './peers.js';
import type { Resources } from './resources.js';
import { ScriptedBackend } from './scripted-backend.js';

/** A QEMU, and our machine with the same fw_cfg files. */
export interface FwCfgPair {
  readonly qemu: DrivenProcess;
  readonly ours: DrivenHeadless;
  /** The directory of both. */
  readonly directory: ReadonlyMap<string, ListedFile>;
}

/** A file of q35's chipset that firmware may write to; QEMU clears it at a reset. */
export const WRITABLE = 'etc/smi/requested-features';

/**
 * Starts both. Files of other devices are copied from QEMU to our machine, so that keys and
 * directory agree.
 */
export async function startFwCfgPair(
  resources: Resources,
  choice: MachineChoice,
): Promise<FwCfgPair> {
  const isArm = choice.family === 'virt';
  const tpm = await startSwtpm(resources, '2.0');
  const qemu = await startEmulator(resources, choice, tpm.controlPath);
  const ours = await startHeadless(resources, choice, new ScriptedBackend());
  const reader = new FwCfgClient(busOver(qemu.client, isArm), isArm);
  const directory = await reader.directory();
  const files = await reader.files([...directory.keys()]);
  const device = ours.machine.firmware!.device;
  const own = new Set(device.files.map(({ name }) => name));
  for (const [name, contents] of files) {
    if (!own.has(name)) device.addFile(name, contents, { writable: name === WRITABLE });
  }
  // What reading left behind in QEMU: the selection, and the last transfer in memory.
  for (const { done } of [await qemu.beginReset(), await ours.beginReset()]) await done;
  const scratch = isArm ? 0x4010_0000 : 0x10_0000;
  const clear = `memset 0x${scratch.toString(16)} 0x40000 0`;
  await Promise.all([qemu.client.command(clear), ours.client.command(clear)]);
  return { qemu, ours, directory };
}
