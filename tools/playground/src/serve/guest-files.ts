import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { prepareGuest } from '@tpmdev/guest';
import { TpmdevError } from 'tpm-core';
import type { Connect, Plugin } from 'vite';

/** Where the page asks for the guest's files. */
const PREFIX = '/guest';

interface ServedFile {
  readonly path: string;
  readonly size: number;
}

interface Guest {
  readonly commandLine: string;
  readonly files: ReadonlyMap<string, ServedFile>;
}

/** @throws GuestError when there is no guest in the cache and none can be built */
async function findGuest(): Promise<Guest> {
  const { bios, vgaBios, kernel, initrd, commandLine } = await prepareGuest({ flavour: 'minimal' });
  const paths = { bios, 'vga-bios': vgaBios, kernel, initrd };
  const files = new Map<string, ServedFile>();
  for (const [name, path] of Object.entries(paths)) {
    if (path !== undefined) files.set(name, { path, size: (await stat(path)).size });
  }
  return { commandLine, files };
}

function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
  });
  response.end(text);
}

function sendFile(response: ServerResponse, { path, size }: ServedFile): void {
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': size,
    'cache-control': 'no-cache',
  });
  const stream = createReadStream(path);
  // The headers are out: the page sees a body that is too short.
  stream.on('error', () => response.destroy());
  response.on('close', () => stream.destroy());
  stream.pipe(response);
}

/** Serves the files of the guest from the cache on this machine; none of them is in the page. */
async function serveGuest(
  request: IncomingMessage,
  response: ServerResponse,
  guest: () => Promise<Guest>,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    sendText(response, 405, 'text/plain', 'Only GET is served here');
    return;
  }
  const name = (request.url ?? '/').replace(/\?.*$/, '').slice(1);
  try {
    const { commandLine, files } = await guest();
    const file = files.get(name);
    if (name === 'guest.json') {
      const sizes = Object.fromEntries(Array.from(files, ([key, { size }]) => [key, { size }]));
      sendText(response, 200, 'application/json', JSON.stringify({ commandLine, files: sizes }));
    } else if (file === undefined) {
      sendText(response, 404, 'text/plain', `The guest has no file "${name}"`);
    } else {
      sendFile(response, file);
    }
  } catch (error) {
    const message = TpmdevError.isInstance(error) ? error.message : 'the guest can’t be read';
    if (!TpmdevError.isInstance(error)) console.error(error);
    sendText(response, 503, 'text/plain', message);
  }
}

/** The part of the development and preview server that hands out the guest. */
export function guestFiles(): Plugin {
  let found: Promise<Guest> | undefined;
  const guest = (): Promise<Guest> => {
    found ??= findGuest().catch((error: unknown) => {
      // The next request tries again.
      found = undefined;
      throw error;
    });
    return found;
  };
  const middleware: Connect.SimpleHandleFunction = (request, response) => {
    void serveGuest(request, response, guest);
  };
  return {
    name: 'guest-files',
    configureServer: ({ middlewares }) => void middlewares.use(PREFIX, middleware),
    configurePreviewServer: ({ middlewares }) => void middlewares.use(PREFIX, middleware),
  };
}
