import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const CHROMIUM = process.env.TPMDEV_CHROMIUM ?? '/usr/bin/chromium';
/** How long the page may take, in milliseconds. */
const PATIENCE = 180_000;

/** @returns seconds per command of the embedded TPM in headless Chromium, by the command's name */
export async function browserTimes(): Promise<Readonly<Record<string, number>>> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./embedded-browser-page.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    write: false,
  });
  const script = outputFiles[0]!.text;
  const profile = mkdtempSync(join(tmpdir(), 'tpmdev-bench-chromium-'));
  let resolve: (post: { path: string; body: string }) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const posted = new Promise<{ path: string; body: string }>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  // It may fail after the figures came: the browser is ended then.
  posted.catch(() => {});
  const server = createServer((request: IncomingMessage, response) => {
    if (request.method === 'POST') {
      text(request).then((body) => resolve({ path: request.url!, body }), reject);
      response.end();
      return;
    }
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<script type="module" src="/page.js"></script>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const options = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${profile}`];
  const browser = spawn(CHROMIUM, [...options, `http://127.0.0.1:${port}/`], { stdio: 'ignore' });
  browser.on('error', reject);
  browser.on('exit', (code) => reject(new Error(`${CHROMIUM} ended with ${code}`)));
  const timer = setTimeout(() => {
    reject(new Error(`${CHROMIUM} gave no figures within ${PATIENCE / 1000} s`));
  }, PATIENCE);
  try {
    const { path, body } = await posted;
    if (path !== '/result') throw new Error(`The TPM in ${CHROMIUM} failed: ${body}`);
    return JSON.parse(body);
  } finally {
    clearTimeout(timer);
    const isGone = browser.exitCode !== null || browser.pid === undefined;
    if (!isGone && browser.kill()) await once(browser, 'exit');
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
