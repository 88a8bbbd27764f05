import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Receives what happens on a stream. */
export interface StreamListener {
  /** Bytes arrived, in any split. */
  bytes(chunk: Uint8Array): void;
  /** The stream ended or failed; called once, nothing follows. */
  closed(cause: Error | undefined): void;
}

/**
 * Takes the `error` events of a stream from now on, so that a dying peer never becomes an uncaught
 * exception. Whoever listens or writes later finds the stream closed.
 */
export function absorbErrors(stream: Duplex): void {
  stream.on('error', () => {});
}

/** Listens to a connected stream from now until it closes. */
export function listenToStream(stream: Duplex, listener: StreamListener): void {
  if (stream instanceof Socket) stream.setNoDelay(true);
  let open = true;
  const close = (cause?: Error): void => {
    if (!open) return;
    open = false;
    listener.closed(cause);
  };
  stream.on('error', close);
  if (stream.destroyed || stream.readableEnded) {
    queueMicrotask(close);
    return;
  }
  stream.on('end', close);
  stream.on('close', () => close());
  stream.on('data', (chunk: Uint8Array) => {
    if (open) listener.bytes(chunk);
  });
  stream.resume();
}
