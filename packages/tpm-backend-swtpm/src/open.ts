import type { Duplex } from 'node:stream';
import type { TpmVersion, TraceHook } from 'tpm-core';
import { absorbErrors } from './channel-stream.js';
import type { SwtpmChild } from './child-process.js';
import type { CommandTimeLimits, SwtpmConnection } from './command-pipeline.js';
import type { ControlTimeLimits } from './control-channel.js';
import { ControlClient } from './control-client.js';
import { CAPABILITY, NEEDED_CAPABILITIES } from './control-codes.js';
import { SwtpmError } from './error.js';
import { capabilityNames, SwtpmBackend, type SwtpmBackendSettings } from './swtpm-backend.js';
import { settlesWithin } from './time-limit.js';
import { PROBE_TIME_LIMIT, probeTpmVersion } from './version-probe.js';

/** Time limits, in milliseconds. */
export interface SwtpmTimeLimits extends ControlTimeLimits, CommandTimeLimits {
  /** Each of the two steps of the version probe. Default 1000, as QEMU. */
  readonly probe?: number;
}

/** Options of every way to open a back end. */
export interface SwtpmOpenOptions extends Omit<SwtpmBackendSettings, 'timeLimits'> {
  readonly timeLimits?: SwtpmTimeLimits;
  /** Receives what is exchanged, from the first control request on. */
  readonly trace?: TraceHook;
}

/** How long a refused peer has to answer SHUTDOWN, in milliseconds. */
const REFUSED_SHUTDOWN_LIMIT = 1000;

/** What {@link openBackend} works on. */
export interface OpenedSockets {
  readonly control: Duplex;
  readonly data: Duplex;
  /** The process, when it is ours. */
  readonly child?: SwtpmChild;
  /** Sends SET_DATAFD. Without it the data socket is connected in another way. */
  readonly passDescriptor?: (control: ControlClient) => Promise<void>;
}

/**
 * Asks a connected peer what it is: SET_DATAFD where needed, version probe, GET_CAPABILITY. Takes
 * the sockets over and closes them on failure.
 *
 * @throws SwtpmError when the peer is not a TPM that can be served
 */
export async function openBackend(
  sockets: OpenedSockets,
  options: SwtpmOpenOptions,
): Promise<SwtpmBackend> {
  absorbErrors(sockets.data);
  const control = new ControlClient(sockets.control, options.timeLimits);
  control.trace = options.trace;
  try {
    const connection = await identify(sockets, control, options);
    return new SwtpmBackend(connection, options);
  } catch (error) {
    // QEMU: a peer that passed a descriptor is ours alone, and is told to end when it is refused.
    if (sockets.passDescriptor !== undefined && control.channel.lost === undefined) {
      await settlesWithin(control.shutdown(), REFUSED_SHUTDOWN_LIMIT);
    }
    sockets.data.destroy();
    control.channel.destroy(error as SwtpmError);
    if (sockets.child === undefined) throw error;
    throw await endRefusedChild(sockets.child, error as SwtpmError);
  }
}

async function identify(
  sockets: OpenedSockets,
  control: ControlClient,
  options: SwtpmOpenOptions,
): Promise<SwtpmConnection> {
  const { data, child } = sockets;
  await sockets.passDescriptor?.(control);
  const tpmVersion = await probeTpmVersion(data, options.timeLimits?.probe ?? PROBE_TIME_LIMIT);
  const capabilities = await control.getCapability();
  checkCapabilities(tpmVersion, capabilities, sockets.passDescriptor !== undefined);
  return { control, data, tpmVersion, capabilities, child };
}

function checkCapabilities(
  tpmVersion: TpmVersion,
  capabilities: number,
  descriptorPassed: boolean,
): void {
  const unused = descriptorPassed ? 0 : CAPABILITY.SET_DATAFD;
  const needed = NEEDED_CAPABILITIES[tpmVersion] & ~unused;
  const missing = needed & ~capabilities;
  if (missing === 0) return;
  const hexadecimal = (mask: number): string => `0x${mask.toString(16)}`;
  throw new SwtpmError(
    'ERR_CAPABILITY',
    `swtpm lacks ${capabilityNames(missing).join(', ')}: its capabilities are ${hexadecimal(capabilities)}, a TPM ${tpmVersion} needs ${hexadecimal(needed)}; use a newer swtpm`,
  );
}

/** @returns the error to throw: how the process ended by itself, if it did, else the given one */
async function endRefusedChild(child: SwtpmChild, error: SwtpmError): Promise<SwtpmError> {
  const lost = error.code === 'ERR_DATA_LOST' || error.code === 'ERR_CONTROL_LOST';
  if (lost && (await settlesWithin(child.ended, REFUSED_SHUTDOWN_LIMIT))) return await child.ended;
  await child.end(0);
  return error;
}
