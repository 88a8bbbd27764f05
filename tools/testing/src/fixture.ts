// Fixtures for tests that run in Node and in a browser. A test names its fixture by URL, as
// `new URL('../fixtures/x.jsonl.gz', import.meta.url)`; the path is written out there, since that
// is what the browser run's server can resolve.

async function rawBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  if (url.protocol === 'file:') {
    const { readFile } = await import('node:fs/promises');
    return Uint8Array.from(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`Fixture ${url.pathname}: HTTP status ${response.status}`);
  // A page in place of the file is how a development server answers a path that doesn't exist.
  if (response.headers.get('content-type')?.startsWith('text/html')) {
    throw new Error(`Fixture ${url.pathname}: no such file`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

/** A server may already have undone gzip in transport; the two magic bytes tell. */
function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * @param url where the fixture is; a name that ends in `.gz` is decompressed
 * @returns the content
 * @throws Error when the fixture doesn't exist or isn't valid gzip
 */
export async function fixtureBytes(url: URL): Promise<Uint8Array> {
  const bytes = await rawBytes(url);
  if (!url.pathname.endsWith('.gz') || !isGzip(bytes)) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @returns a fixture of UTF-8 text; arguments and errors as `fixtureBytes()` */
export async function fixtureText(url: URL): Promise<string> {
  return new TextDecoder('utf-8', { fatal: true }).decode(await fixtureBytes(url));
}

/** @returns a JSON fixture; arguments and errors as `fixtureBytes()` */
export async function fixtureJson<T>(url: URL): Promise<T> {
  return JSON.parse(await fixtureText(url)) as T;
}

/** @returns a fixture with one JSON value in each line; arguments and errors as `fixtureBytes()` */
export async function fixtureLines<T>(url: URL): Promise<T[]> {
  const text = await fixtureText(url);
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}
