/**
 * Attaches a socket to a message (SCM_RIGHTS), which Node offers only for its own messages between
 * processes. swtpm started with nothing but a control socket takes its data socket this way.
 *
 * This file is the only one that touches Node's internals: a stream's `_handle`, the constructor of
 * a pipe handle with its mode for passing descriptors, and the third argument of the handle's
 * `writeUtf8String`, the handle to pass. Tested with Node 20, 22, 24 and 26.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { absorbErrors } from './channel-stream.js';
import { SwtpmError } from './error.js';

/** Mode of a pipe handle that can pass descriptors. */
const PIPE_IPC = 2;

interface PipeHandle {
  writeUtf8String(request: object, text: string, passed?: PipeHandle): number;
}
type PipeConstructor = new (mode: number) => PipeHandle;

/** A connected pair of Unix stream sockets, one end of which goes to the peer. */
export interface DescriptorPair {
  /** Our end. */
  readonly local: Socket;
  /** The end to pass; closed after it was sent. */
  readonly remote: Socket;
  /** Constructor of pipe handles, as the pair uses them. */
  readonly pipe: PipeConstructor;
}

/**
 * Makes a connected pair of Unix sockets, by way of a socket in a directory that only this user can
 * enter and that is gone when the pair is made.
 *
 * @throws SwtpmError `ERR_DESCRIPTOR_PASSING` when this runtime's internals are different
 */
export async function createDescriptorPair(): Promise<DescriptorPair> {
  const directory = await mkdtemp(join(tmpdir(), 'tpm-backend-swtpm-'));
  const server = createServer({ pauseOnConnect: true });
  try {
    server.listen(join(directory, 'pair'));
    await once(server, 'listening');
    const pipe = pipeConstructor(server);
    const local = new Socket();
    const accepted = once(server, 'connection');
    local.connect(join(directory, 'pair'));
    const [[remote]] = await Promise.all([accepted, once(local, 'connect')]);
    absorbErrors(local);
    absorbErrors(remote as Socket);
    return { local, remote: remote as Socket, pipe };
  } catch (cause) {
    if (SwtpmError.isInstance(cause)) throw cause;
    const message = `A pair of sockets can't be made in '${directory}': ${(cause as Error).message}; set TMPDIR to a short path`;
    throw new SwtpmError('ERR_DESCRIPTOR_PASSING', message, { cause });
  } finally {
    server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** @returns an unconnected socket over which {@link sendDescriptor} can pass descriptors */
export function createPassingSocket(pipe: PipeConstructor): Socket {
  try {
    // `handle` and `manualStart` are options of net.Socket that Node itself uses for its children.
    return new Socket({ handle: new pipe(PIPE_IPC), manualStart: true } as object);
  } catch (cause) {
    throw unsupported('a socket over a pipe handle can not be made', cause);
  }
}

/**
 * Writes bytes with a socket attached to them, as one message.
 *
 * @param control a connected socket of {@link createPassingSocket}
 * @param bytes what to write, each below 0x80
 * @param remote the socket to pass; our copy is closed after that
 * @throws SwtpmError `ERR_DESCRIPTOR_PASSING` when this runtime's internals are different
 */
export function sendDescriptor(control: Socket, bytes: Uint8Array, remote: Socket): void {
  const handle = handleOf<PipeHandle>(control);
  const passed = handleOf<PipeHandle>(remote);
  if (typeof handle?.writeUtf8String !== 'function' || passed === undefined) {
    throw unsupported('a socket has no pipe handle');
  }
  let sent = false;
  handle.writeUtf8String = (request, text) => {
    Reflect.deleteProperty(handle, 'writeUtf8String');
    sent = true;
    return handle.writeUtf8String(request, text, passed);
  };
  control.write(String.fromCharCode(...bytes), 'utf8', () => remote.destroy());
  if (!sent) {
    Reflect.deleteProperty(handle, 'writeUtf8String');
    throw unsupported('a write does not reach the pipe handle');
  }
}

function pipeConstructor(server: Server): PipeConstructor {
  const pipe = handleOf<object>(server)?.constructor;
  const isPipe =
    typeof pipe === 'function' &&
    typeof Reflect.get(pipe.prototype, 'writeUtf8String') === 'function';
  if (!isPipe) throw unsupported('a server has no pipe handle');
  return pipe as unknown as PipeConstructor;
}

function handleOf<Handle>(owner: Socket | Server): Handle | undefined {
  return (Reflect.get(owner, '_handle') as Handle | null) ?? undefined;
}

function unsupported(what: string, cause?: unknown): SwtpmError {
  return new SwtpmError(
    'ERR_DESCRIPTOR_PASSING',
    `This runtime (${process.version}) can't pass a descriptor to swtpm: ${what}; start swtpm with --server for a separate data socket and give both as control and data`,
    { cause },
  );
}
