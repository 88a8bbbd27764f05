import { type NetConnectOpts, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { absorbErrors } from './channel-stream.js';
import { createDescriptorPair, createPassingSocket, sendDescriptor } from './descriptor-passing.js';
import { SwtpmError } from './error.js';
import { openBackend, type SwtpmOpenOptions } from './open.js';
import type { SwtpmBackend } from './swtpm-backend.js';

/** Where a socket of swtpm listens: a Unix socket, or a TCP port (`host` default 127.0.0.1). */
export type SwtpmEndpoint =
  | { readonly path: string }
  | { readonly host?: string; readonly port: number };

/** Options of {@link connectSwtpm}. */
export type ConnectSwtpmOptions = SwtpmOpenOptions &
  (
    | {
        /**
         * Path of the control socket of an swtpm that was started without `--server`, as QEMU's
         * documentation shows. Its data socket is passed as a descriptor.
         */
        readonly controlPath: string;
      }
    | {
        /** Control socket: where it listens, or a connected stream. */
        readonly control: SwtpmEndpoint | Duplex;
        /** Data socket (`--server`): where it listens, or a connected stream. */
        readonly data: SwtpmEndpoint | Duplex;
      }
  );

/** How long a connection may take to be made, in milliseconds. */
const CONNECT_LIMIT = 10_000;

/**
 * Connects to a running swtpm. It serves one control client and one data client at a time.
 *
 * @returns a back end whose `close()` shuts swtpm down, as QEMU does
 * @throws SwtpmError `ERR_CONNECT` when a socket can't be connected, `ERR_NOT_A_TPM`,
 *   `ERR_CAPABILITY` or `ERR_CONTROL_TIMEOUT` when the peer is not an swtpm that can be served,
 *   `ERR_DESCRIPTOR_PASSING` when this runtime can't pass a descriptor
 *
 * @example
 * const backend = await connectSwtpm({ controlPath: '/run/vm1/swtpm-sock' });
 */
export async function connectSwtpm(options: ConnectSwtpmOptions): Promise<SwtpmBackend> {
  if ('controlPath' in options) return await connectControlOnly(options.controlPath, options);
  const control = await openStream('control', options.control);
  try {
    const data = await openStream('data', options.data);
    return await openBackend({ control, data }, options);
  } catch (error) {
    control.destroy();
    throw error;
  }
}

async function connectControlOnly(path: string, options: SwtpmOpenOptions): Promise<SwtpmBackend> {
  const pair = await createDescriptorPair();
  try {
    const control = createPassingSocket(pair.pipe);
    await connect('control', control, { path });
    return await openBackend(
      {
        control,
        data: pair.local,
        passDescriptor: (client) =>
          client.setDataDescriptor((request) => sendDescriptor(control, request, pair.remote)),
      },
      options,
    );
  } catch (error) {
    pair.local.destroy();
    pair.remote.destroy();
    throw error;
  }
}

async function openStream(channel: string, target: SwtpmEndpoint | Duplex): Promise<Duplex> {
  if (target instanceof Duplex) {
    absorbErrors(target);
    return target;
  }
  const socket = new Socket();
  const endpoint =
    'path' in target
      ? { path: target.path }
      : { host: target.host ?? '127.0.0.1', port: target.port };
  await connect(channel, socket, endpoint);
  return socket;
}

function connect(channel: string, socket: Socket, endpoint: NetConnectOpts): Promise<void> {
  absorbErrors(socket);
  const place = 'path' in endpoint ? `'${endpoint.path}'` : `${endpoint.host}:${endpoint.port}`;
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: unknown): void => {
      clearTimeout(timer);
      socket.destroy();
      const message = `swtpm's ${channel} socket ${place} can't be connected: ${reason}; check that swtpm runs and uses this address`;
      reject(new SwtpmError('ERR_CONNECT', message, { cause }));
    };
    const timer = setTimeout(() => fail(`no answer within ${CONNECT_LIMIT} ms`), CONNECT_LIMIT);
    const failed = (cause: Error): void => fail(cause.message, cause);
    try {
      socket.once('error', failed).connect(endpoint, () => {
        clearTimeout(timer);
        socket.off('error', failed);
        resolve();
      });
    } catch (cause) {
      fail((cause as Error).message, cause);
    }
  });
}
