import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright';

/** Where screenshots go. */
export const REPORTS: string = fileURLToPath(new URL('../../reports/', import.meta.url));

const MAIN = fileURLToPath(new URL('../../src/serve/main.ts', import.meta.url));

/** @throws Error with the line that installs it */
function requireChromium(): string {
  const program = process.env.TPMDEV_CHROMIUM ?? '/usr/bin/chromium';
  if (existsSync(program)) return program;
  throw new Error(
    `${program} is not installed; run: apt-get install -y --no-install-recommends chromium` +
      ' (or name another Chromium in TPMDEV_CHROMIUM)',
  );
}

/** The playground's server and a browser, for one suite. */
export class ServedPage {
  readonly url: string;
  readonly browser: Browser;
  readonly #server: ChildProcess;

  private constructor(url: string, browser: Browser, server: ChildProcess) {
    this.url = url;
    this.browser = browser;
    this.#server = server;
  }

  /** Serves the built page on a free port. @throws Error with what the server said */
  static async start(): Promise<ServedPage> {
    mkdirSync(REPORTS, { recursive: true });
    const executablePath = requireChromium();
    const server = spawn(process.execPath, [MAIN, '--port', '0'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    try {
      const url = await addressOf(server);
      return new ServedPage(url, await chromium.launch({ executablePath }), server);
    } catch (error) {
      server.kill();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.browser.close();
    const isOver = new Promise((resolve) => this.#server.once('exit', resolve));
    this.#server.kill();
    await isOver;
  }
}

function addressOf(server: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    server.stdout?.on('data', (chunk) => {
      said += String(chunk);
      const url = /http:\S+/.exec(said)?.[0];
      if (url !== undefined && said.endsWith('\n')) resolve(url);
    });
    server.stderr?.on('data', (chunk) => {
      said += String(chunk);
    });
    server.once('exit', () => reject(new Error(`The server ended: ${said.trim()}`)));
  });
}

/** What a page did that it must not do. */
export interface Observations {
  /** Errors and warnings of the console, and what was thrown. */
  readonly complaints: string[];
  /** Addresses outside the page's origin. */
  readonly foreignRequests: string[];
  /** Requests of all kinds. */
  requestCount: number;
}

/** Opens a page and watches it from its first request on. */
export async function openObserved(
  context: BrowserContext,
  url: string,
): Promise<{ page: Page; seen: Observations }> {
  const seen: Observations = { complaints: [], foreignRequests: [], requestCount: 0 };
  const page = await context.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) seen.complaints.push(message.text());
  });
  page.on('pageerror', (error) => seen.complaints.push(String(error)));
  page.on('request', (request) => {
    seen.requestCount++;
    const { protocol, origin } = new URL(request.url());
    const isOwn = protocol === 'data:' || origin === new URL(url).origin;
    if (!isOwn) seen.foreignRequests.push(request.url());
  });
  page.on('websocket', (socket) => seen.foreignRequests.push(socket.url()));
  await page.goto(url);
  return { page, seen };
}
