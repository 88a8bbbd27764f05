import { parseArgs } from 'node:util';

/** Port that is tried first. */
export const DEFAULT_PORT = 4173;
const LAST_PORT = 65_535;

/** What `--help` prints. */
export const USAGE = `Usage: npm run playground -- [--port NUMBER]

Serves a page on this machine that boots Linux with a TPM in the browser.

  --port NUMBER  port to listen on, 0 for any free one; ${DEFAULT_PORT} or the next free one unless given
  --debug        show the stack of an error
  --help         show this`;

/** Something is wrong with the command line. */
export class UsageError extends Error {}

/** What the command line says. */
export interface Options {
  readonly help: boolean;
  readonly debug: boolean;
  /** `undefined` when any port near the default will do. */
  readonly port: number | undefined;
}

/** @throws UsageError with one line for people */
export function readOptions(args: readonly string[]): Options {
  let values: { port?: string | undefined; help: boolean; debug: boolean };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
        debug: { type: 'boolean', default: false },
      },
    }));
  } catch (cause) {
    const reason = (cause as Error).message.split(/[.\n]/)[0];
    throw new UsageError(`${reason}; see npm run playground -- --help`, { cause });
  }
  const { port, help, debug } = values;
  if (port === undefined) return { port, help, debug };
  if (!/^\d+$/.test(port) || Number(port) > LAST_PORT) {
    throw new UsageError(`Option --port is "${port}"; give a number from 0 to ${LAST_PORT}`);
  }
  return { port: Number(port), help, debug };
}
