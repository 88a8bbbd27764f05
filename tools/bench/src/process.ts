import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A child process of the benchmark. */
export interface StartedProcess {
  /** Ends the process and waits until it is gone. */
  end(): Promise<void>;
}

/** Starts a program; what it prints on standard error is shown. */
export function startProcess(command: string, args: readonly string[]): StartedProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const gone = once(child, 'close');
  gone.catch(() => {});
  return {
    async end() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}
