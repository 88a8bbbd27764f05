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
 * Listens to a connected stream from now until it closes. Takes every `error` event, so that a
 * dying peer never becomes an uncaught exception.
 */
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
