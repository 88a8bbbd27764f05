import { openEmbedded } from 'tpm-backend-embedded';
import { fileStore } from 'tpm-backend-embedded/node';
import { connectSwtpm, type SwtpmEndpoint } from 'tpm-backend-swtpm';
import type { BackendEvent, TpmBackend } from 'tpm-core';
import { ChannelError } from './chardev/channel-error.js';
import { connectSocket } from './chardev/open-channel.js';
import type { BackendDefinition, CharacterDevice } from './description.js';

/** What a back end is opened with. */
export interface BackendContext {
  /** Character devices by id. */
  readonly chardevs: ReadonlyMap<string, CharacterDevice>;
  /** Receives failures from the start on. */
  readonly onEvent: (event: BackendEvent) => void;
}

/** Opens a back end. Rejects with a TpmdevError. */
export type BackendOpener = (
  definition: BackendDefinition,
  context: BackendContext,
) => Promise<TpmBackend>;

/** Types of back end that can be opened. A package that adds one extends this map. */
export const backendOpeners: ReadonlyMap<BackendDefinition['type'], BackendOpener> = new Map([
  ['emulator', openEmulator],
  ['embedded', openEmbeddedTpm],
]);

/**
 * Opens a back end and probes its TPM.
 *
 * @param definition the back end
 * @param context character devices and event hook
 * @throws TpmdevError when the peer can't be reached or is no TPM
 */
export async function openBackend(
  definition: BackendDefinition,
  context: BackendContext,
): Promise<TpmBackend> {
  const open = backendOpeners.get(definition.type);
  if (open === undefined) {
    throw new ChannelError(
      `TPM backend type '${definition.type}' is not available in this version`,
    );
  }
  return await open(definition, context);
}

async function openEmulator(
  definition: BackendDefinition,
  { chardevs, onEvent }: BackendContext,
): Promise<TpmBackend> {
  if (definition.type !== 'emulator') {
    throw new ChannelError(`TPM backend '${definition.id}' is no emulator`);
  }
  const { chardev, dataChardev } = definition;
  const control = deviceOf(chardevs, chardev);
  const settings = { chardev, onEvent };
  if (dataChardev !== undefined) {
    const data = deviceOf(chardevs, dataChardev);
    return await connectSwtpm({
      ...settings,
      control: await targetOf(control),
      data: await targetOf(data),
    });
  }
  if (control.kind !== 'unix') {
    throw new ChannelError(
      `chardev '${chardev}' is no unix socket path, so that swtpm's data channel needs a chardev ` +
        'of its own; add data-chardev=ID',
    );
  }
  return await connectSwtpm({ ...settings, controlPath: control.path });
}

async function openEmbeddedTpm(
  definition: BackendDefinition,
  { onEvent }: BackendContext,
): Promise<TpmBackend> {
  if (definition.type !== 'embedded') {
    throw new ChannelError(`TPM backend '${definition.id}' is no embedded one`);
  }
  const { state } = definition;
  const store = state === undefined ? undefined : await fileStore(state);
  return await openEmbedded({ onEvent, ...(store === undefined ? {} : { store }) });
}

function deviceOf(chardevs: ReadonlyMap<string, CharacterDevice>, id: string): CharacterDevice {
  const device = chardevs.get(id);
  if (device === undefined) throw new ChannelError(`tpm chardev '${id}' not found`);
  return device;
}

async function targetOf(
  device: CharacterDevice,
): Promise<SwtpmEndpoint | Awaited<ReturnType<typeof connectSocket>>> {
  if (device.kind === 'unix') return { path: device.path };
  if (device.kind === 'tcp') return { host: device.host, port: device.port };
  if (device.kind === 'fd') return await connectSocket(device);
  throw new ChannelError(`a chardev of kind '${device.kind}' can't lead to swtpm; use a socket`);
}
