/** What a machine is started with. */
export interface GuestImages {
  readonly bios: Uint8Array<ArrayBuffer>;
  readonly vgaBios: Uint8Array<ArrayBuffer>;
  readonly kernel: Uint8Array<ArrayBuffer>;
  readonly initrd: Uint8Array<ArrayBuffer>;
  readonly commandLine: string;
}

/** What the server says of the images. */
interface GuestManifest {
  readonly commandLine: string;
  readonly files: Readonly<Record<ImageName, { readonly size: number }>>;
}

type ImageName = 'bios' | 'vga-bios' | 'kernel' | 'initrd';

const NAMES: readonly ImageName[] = ['bios', 'vga-bios', 'kernel', 'initrd'];

/** How far the images are. */
export interface LoadProgress {
  readonly loaded: number;
  readonly total: number;
}

/** The guest's files could not be had. The message is for people. */
export class GuestImageError extends Error {}

async function fetchChecked(path: string, signal?: AbortSignal): Promise<Response> {
  const way = 'check that the playground’s server still runs, and try again';
  let response: Response;
  try {
    response = await fetch(path, signal === undefined ? {} : { signal });
  } catch (cause) {
    throw new GuestImageError(`Loading ${path} failed: no connection; ${way}`, { cause });
  }
  if (response.ok) return response;
  const reason = (await response.text()).trim();
  throw new GuestImageError(
    `Loading ${path} failed: ${reason === '' ? `status ${response.status}` : reason}; ${way}`,
  );
}

async function fetchBytes(
  name: ImageName,
  size: number,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const path = `guest/${name}`;
  const { body } = await fetchChecked(path, signal);
  const bytes = new Uint8Array(size);
  let filled = 0;
  const reader = body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) break;
    if (filled + value.length > size) break;
    bytes.set(value, filled);
    filled += value.length;
    onBytes(value.length);
  }
  if (filled === size) return bytes;
  throw new GuestImageError(
    `Loading ${path} failed: got ${filled} of ${size} bytes; reload the page`,
  );
}

/**
 * Loads firmware, kernel and initial RAM disk from the page's own server.
 *
 * @throws GuestImageError
 */
export async function loadGuestImages(
  onProgress: (progress: LoadProgress) => void,
): Promise<GuestImages> {
  const manifest: GuestManifest = await (await fetchChecked('guest/guest.json')).json();
  const { files, commandLine } = manifest;
  const total = NAMES.reduce((sum, name) => sum + files[name].size, 0);
  let loaded = 0;
  onProgress({ loaded, total });
  const others = new AbortController();
  const load = (name: ImageName) =>
    fetchBytes(name, files[name].size, others.signal, (count) => {
      loaded += count;
      if (!others.signal.aborted) onProgress({ loaded, total });
    });
  try {
    const [bios, vgaBios, kernel, initrd] = await Promise.all([
      load('bios'),
      load('vga-bios'),
      load('kernel'),
      load('initrd'),
    ]);
    return { bios, vgaBios, kernel, initrd, commandLine };
  } catch (error) {
    others.abort();
    throw error;
  }
}
