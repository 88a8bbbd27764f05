import type { MachineDescription } from '../description.js';
import { ChannelError, reasonOf } from './channel-error.js';
import type { CharacterChannel } from './character-channel.js';
import { openChannel } from './open-channel.js';

/** What whoever opens channels is told and asked. */
export interface ChannelsHost {
  /** Receives one line for a person. */
  readonly report: (line: string) => void;
  /** The person at the terminal wants the program to end. */
  readonly interrupt: () => void;
  /** @returns whether the program ends already, and nothing more is to be opened */
  readonly isEnding: () => boolean;
}

/**
 * Opens every character device, in the order given, that doesn't lead to the back end.
 *
 * @param channels receives each one as soon as it is open, so that whoever ends early closes it
 * @throws ChannelError that names the device
 */
export async function openChannels(
  { backend, chardevs }: MachineDescription,
  channels: Map<string, CharacterChannel>,
  { report, interrupt, isEnding }: ChannelsHost,
): Promise<void> {
  const others: (string | undefined)[] =
    backend?.type === 'emulator' ? [backend.chardev, backend.dataChardev] : [];
  for (const [id, device] of chardevs) {
    if (others.includes(id)) continue;
    const channel = await openChannel(device, { report, interrupt }).catch((error: unknown) => {
      throw new ChannelError(`chardev '${id}': ${reasonOf(error)}`, error);
    });
    channels.set(id, channel);
    await channel.ready();
    if (isEnding()) return;
  }
}
