/** Signals that end the machine in good order. */
const SIGNALS: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGINT: 2,
  SIGTERM: 15,
  SIGHUP: 1,
};

/** Receives what happens to the process. */
export interface ProcessListener {
  /** A signal asks for the end. @param signal its number */
  signalled(signal: number): void;
  /** Something was thrown where nobody catches it, as v86 does out of its timers. */
  crashed(error: unknown): void;
  /** The process ends now; nothing asynchronous happens any more. */
  exiting(): void;
}

/**
 * Watches the process.
 *
 * @returns a function that ends the watch
 */
export function watchProcess(listener: ProcessListener): () => void {
  const handlers = Object.entries(SIGNALS).map(
    ([signal, number]) => [signal, () => listener.signalled(number)] as const,
  );
  const crashed = (error: unknown) => listener.crashed(error);
  const exiting = () => listener.exiting();
  for (const [signal, handler] of handlers) process.on(signal, handler);
  process.on('uncaughtException', crashed).on('unhandledRejection', crashed).on('exit', exiting);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
    process.off('uncaughtException', crashed).off('unhandledRejection', crashed);
    process.off('exit', exiting);
  };
}
