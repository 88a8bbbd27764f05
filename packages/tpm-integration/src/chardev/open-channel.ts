import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { type ListenOptions, Socket, type TcpSocketConnectOpts } from 'node:net';
import { dirname } from 'node:path';
import type { CharacterDevice } from '../description.js';
import { ChannelError, reasonOf } from './channel-error.js';
import { type CharacterChannel, SingleChannel } from './character-channel.js';
import { ListeningChannel } from './listening-channel.js';
import { createFileStream, createNullStream, createStandardStream } from './plain-streams.js';

/** What a character device asks of the program around it. */
export interface ChannelHost {
  /** Receives a line for people. */
  readonly report: (line: string) => void;
  /** Control-C was typed on a terminal that is a character device. */
  readonly interrupt: () => void;
}

/**
 * Opens a character device: connects it, or lets it listen.
 *
 * @throws ChannelError with the reason
 */
export async function openChannel(
  device: CharacterDevice,
  host: ChannelHost,
): Promise<CharacterChannel> {
  switch (device.kind) {
    case 'null':
      return new SingleChannel(createNullStream());
    case 'stdio':
      return new SingleChannel(createStandardStream(() => host.interrupt()));
    case 'file':
      try {
        return new SingleChannel(createFileStream(device.path, device.append));
      } catch (error) {
        throw new ChannelError(`Could not open '${device.path}': ${reasonOf(error)}`, error);
      }
    default:
      if (device.server) return await listen(device, host);
      return new SingleChannel(await connectSocket(device));
  }
}

type SocketDevice = Extract<CharacterDevice, { readonly server: boolean }>;

/** @returns the place of a socket, for people */
function placeOf(device: SocketDevice): string {
  switch (device.kind) {
    case 'unix':
      return device.path;
    case 'tcp':
      return `${device.host}:${device.port}`;
    case 'fd':
      return `fd ${device.fd}`;
  }
}

/**
 * Connects a socket as a client.
 *
 * @throws ChannelError with the reason
 */
export async function connectSocket(device: SocketDevice): Promise<Socket> {
  if (device.kind === 'fd') return adoptSocket(device.fd);
  const socket = new Socket({ allowHalfOpen: true });
  const endpoint: TcpSocketConnectOpts | { path: string } =
    device.kind === 'unix' ? { path: device.path } : { host: device.host, port: device.port };
  try {
    socket.connect(endpoint);
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    socket.destroy();
    const place = placeOf(device);
    throw new ChannelError(`Failed to connect to '${place}': ${reasonOf(error)}`, error);
  }
}

function adoptSocket(fd: number): Socket {
  try {
    checkSocket(fd);
    return new Socket({ fd, allowHalfOpen: true, readable: true, writable: true });
  } catch (error) {
    throw new ChannelError(`File descriptor '${fd}' is not a socket: ${reasonOf(error)}`, error);
  }
}

/** Node ends the process when it is to use a descriptor that is no socket, so this comes first. */
function checkSocket(fd: number): void {
  if (!fstatSync(fd).isSocket()) throw new Error('it is something else');
}

async function listen(device: SocketDevice, host: ChannelHost): Promise<CharacterChannel> {
  const place = placeOf(device);
  try {
    const channel = await ListeningChannel.open(await preparePlace(device), device.wait);
    if (device.wait) {
      host.report(`info: waiting for connection on: ${device.kind}:${place},server=on`);
    }
    return channel;
  } catch (error) {
    throw new ChannelError(`Failed to bind socket to ${place}: ${reasonOf(error)}`, error);
  }
}

/** @returns where to listen, in the words of `server.listen()` */
async function preparePlace(device: SocketDevice): Promise<ListenOptions | { fd: number }> {
  switch (device.kind) {
    case 'unix':
      await removeSocket(device.path);
      return { path: device.path };
    case 'tcp':
      return { host: device.host, port: device.port };
    case 'fd':
      checkSocket(device.fd);
      return { fd: device.fd };
  }
}

/** Removes what a server left behind that was killed. QEMU: removes any file. */
async function removeSocket(path: string): Promise<void> {
  // Node calls it "permission denied" when the directory is missing.
  await stat(dirname(path));
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found?.isSocket()) await rm(path);
}
