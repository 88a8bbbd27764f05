#!/usr/bin/env node
// Prepares the guest and serves the built page on this machine.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { prepareGuest, progressDisplay } from '@tpmdev/guest';
import { TpmdevError } from 'tpm-core';
import { preview } from 'vite';

const DEFAULT_PORT = 4173;
const LAST_PORT = 65_535;
const USAGE = `Usage: npm run playground -- [--port NUMBER]

Serves a page on this machine that boots Linux with a TPM in the browser.

  --port NUMBER  port to listen on, 0 for any free one; ${DEFAULT_PORT} or the next free one unless given
  --debug        show the stack of an error
  --help         show this`;

/** Something is wrong with the command line: exit code 2. */
class UsageError extends Error {}

/** What the command line says. */
interface Options {
  readonly help: boolean;
  /** `undefined` when any port near the default will do. */
  readonly port: number | undefined;
}

function readOptions(args: readonly string[]): Options {
  let values: { port?: string | undefined; help: boolean };
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
    const reason = (cause as Error).message.split('. ')[0];
    throw new UsageError(`${reason}; see npm run playground -- --help`, { cause });
  }
  const { port, help } = values;
  if (port === undefined) return { port, help };
  if (!/^\d+$/.test(port) || Number(port) > LAST_PORT) {
    throw new UsageError(`Option --port is "${port}"; give a number from 0 to ${LAST_PORT}`);
  }
  return { port: Number(port), help };
}

async function prepare(): Promise<void> {
  const display = progressDisplay();
  try {
    await prepareGuest({ flavour: 'minimal', onProgress: display.onProgress });
  } finally {
    display.end();
  }
}

async function serve(port: number | undefined): Promise<void> {
  const root = fileURLToPath(new URL('..', import.meta.url));
  if (!existsSync(new URL('../dist/index.html', import.meta.url))) {
    throw new Error('The page is not built; run: npm run playground');
  }
  await prepare();
  const server = await preview({
    root,
    logLevel: 'error',
    preview: { port: port ?? DEFAULT_PORT, strictPort: port !== undefined, open: false },
  }).catch((cause: unknown) => {
    throw new Error(
      `Serving on port ${port} failed: ${(cause as Error).message}; use another --port`,
      {
        cause,
      },
    );
  });
  for (const url of server.resolvedUrls?.local ?? []) console.log(`TPM playground: ${url}`);
  console.log('Stop with Ctrl-C');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void server.close().then(() => process.exit(0)));
  }
}

try {
  const { help, port } = readOptions(process.argv.slice(2));
  if (help) console.log(USAGE);
  else await serve(port);
} catch (error) {
  const isKnown = error instanceof UsageError || TpmdevError.isInstance(error);
  const showsStack = process.argv.includes('--debug');
  if (showsStack) console.error(error);
  else console.error(isKnown || error instanceof Error ? (error as Error).message : String(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
