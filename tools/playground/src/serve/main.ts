#!/usr/bin/env node
// Prepares the guest and serves the built page on this machine.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { prepareGuest, progressDisplay } from '@tpmdev/guest';
import { preview } from 'vite';
import { DEFAULT_PORT, readOptions, USAGE, UsageError } from './options.ts';

async function prepare(): Promise<void> {
  const display = progressDisplay();
  try {
    await prepareGuest({ flavour: 'minimal', onProgress: display.onProgress });
  } finally {
    display.end();
  }
}

async function serve(port: number | undefined): Promise<void> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  if (!existsSync(new URL('../../dist/index.html', import.meta.url))) {
    throw new Error('The page is not built; run: npm run playground');
  }
  await prepare();
  const server = await preview({
    root,
    logLevel: 'error',
    preview: { port: port ?? DEFAULT_PORT, strictPort: port !== undefined, open: false },
  }).catch((cause: unknown) => {
    const reason = (cause as Error).message;
    throw new Error(`Serving the page failed: ${reason}; use another --port`, { cause });
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
  const isPlain = error instanceof Error && !process.argv.includes('--debug');
  console.error(isPlain ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
