import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Apt, type PackageFile } from './apt.js';
import { buildImage, IMAGE_FILE } from './build-image.js';
import { withLock } from './cache-lock.js';
import { COMMAND_LINE, FLAVOURS, type Flavour, PACKAGES, type RootFiles } from './flavours.js';
import { GuestError, OWN_FILES } from './guest-error.js';
import { type ImageRecord, ImageStore, imageKey, recipeDigest } from './image-store.js';
import { chooseMirror, type Mirror, systemSources } from './mirror.js';
import { type RunProgram, runProgram } from './program.js';
import type { GuestProgress } from './progress.js';
import { sha256OfFile, type UnpackPackage, unpackPackage } from './unpack.js';

/** What to prepare, and how. */
export interface PrepareGuestOptions {
  readonly flavour: Flavour;
  /** Where packages and images are kept; {@link defaultCacheDirectory} unless told otherwise. */
  readonly cacheDirectory?: string | undefined;
  readonly onProgress?: ((event: GuestProgress) => void) | undefined;
  /** Use what is in the cache, or fail. */
  readonly offline?: boolean | undefined;
  /** Look for newer packages although an image is in the cache. */
  readonly refresh?: boolean | undefined;
  /** Gives up, ending the programs that were started; what is downloaded is kept. */
  readonly signal?: AbortSignal | undefined;
  /** Mirror of Debian; the one that apt is configured with unless told otherwise. */
  readonly mirror?: Mirror | undefined;
  /** How apt is run. */
  readonly run?: RunProgram | undefined;
  /** How packages are unpacked. */
  readonly unpack?: UnpackPackage | undefined;
}

/** Paths of the files that v86 is started with. */
export interface GuestImage {
  /** SeaBIOS, 256 KiB, with TPM support and boot menu. */
  readonly bios: string;
  readonly vgaBios: string;
  /** Linux for i386; absent for `cd`. */
  readonly kernel?: string;
  /** Initramfs, compressed; absent for `cd`. */
  readonly initrd?: string;
  /** Bootable CD; present for `cd` only. */
  readonly cdrom?: string;
  /** Parameters for Linux; those of the CD are on it already. */
  readonly commandLine: string;
}

/** `$TPMDEV_CACHE`, or `tpmdev` in `$XDG_CACHE_HOME`, or `~/.cache/tpmdev`. */
export function defaultCacheDirectory(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (environment.TPMDEV_CACHE) return resolve(environment.TPMDEV_CACHE);
  const base = environment.XDG_CACHE_HOME;
  // The XDG base directory specification has relative paths ignored.
  return join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'tpmdev');
}

/**
 * Prepares the files of a guest. They are taken from the cache, without any access to the network,
 * once they have been built there.
 *
 * @throws GuestError when they can't be built; nothing half-built is left where it would be used
 */
export async function prepareGuest(options: PrepareGuestOptions): Promise<GuestImage> {
  const cache = resolve(options.cacheDirectory ?? defaultCacheDirectory());
  if (!FLAVOURS.includes(options.flavour)) {
    throw new GuestError(
      'ERR_GUEST_OPTION',
      `Guest "${options.flavour}" is unknown; use ${FLAVOURS.join(', ')}`,
    );
  }
  try {
    const store = new ImageStore(cache);
    const recipe = await readRecipe(options.flavour);
    const record =
      (options.refresh === true ? undefined : await cached(store, options.flavour, recipe)) ??
      (await build(cache, store, options, recipe));
    return describeImage(store, record);
  } catch (error) {
    throw cacheFailure(error, cache);
  }
}

interface Recipe {
  readonly digest: string;
  readonly rootFiles: RootFiles;
}

async function readRecipe(flavour: Flavour): Promise<Recipe> {
  const read = (path: string): Promise<Uint8Array> =>
    readFile(fileURLToPath(new URL(`../rootfs/${path}`, import.meta.url)));
  const rootFiles = {
    init: await read('init'),
    proof: await read('bin/tpm-proof'),
    profile: await read('etc/profile'),
  };
  const texts = [COMMAND_LINE, PACKAGES[flavour].join(' '), ...Object.values(rootFiles)];
  return { digest: recipeDigest(flavour, texts), rootFiles };
}

/** @returns the record of a whole image that was made by this recipe */
async function cached(
  store: ImageStore,
  flavour: Flavour,
  { digest }: Recipe,
): Promise<ImageRecord | undefined> {
  const record = await store.readRecord(flavour);
  return record?.recipe === digest && (await store.isWhole(record)) ? record : undefined;
}

async function build(
  cache: string,
  store: ImageStore,
  options: PrepareGuestOptions,
  recipe: Recipe,
): Promise<ImageRecord> {
  const { flavour, onProgress = () => {}, signal, run = runProgram } = options;
  // Named first where it is missing, since whoever has apt has the other programs too.
  await run('apt-get', ['--version'], signal);
  const folder = join(cache, 'apt');
  await mkdir(folder, { recursive: true });
  const onWait = (): void =>
    onProgress({ type: 'step', text: 'Waiting for another run that prepares a guest' });
  const buildLocked = async (): Promise<ImageRecord> => {
    // Another run may have built it while this one waited.
    const done = options.refresh === true ? undefined : await cached(store, flavour, recipe);
    if (done !== undefined) return done;
    const mirror = options.mirror ?? chooseMirror(systemSources());
    const apt = await Apt.open({ folder, mirror, run, onProgress, signal });
    const packages = await obtainPackages(apt, store, options, onProgress);
    const old = await store.readRecord(flavour);
    if (old?.key === imageKey(recipe.digest, packages) && (await store.isWhole(old))) return old;
    onProgress({ type: 'step', text: `Building the guest "${flavour}"` });
    const contents = await buildImage({
      flavour,
      packages,
      pathOf: (item) => apt.pathOf(item),
      rootFiles: recipe.rootFiles,
      commandLine: COMMAND_LINE,
      workFolder: folder,
      unpack: options.unpack ?? unpackPackage,
      signal,
    });
    const description = { recipe: recipe.digest, commandLine: COMMAND_LINE, packages };
    return store.write(flavour, description, contents);
  };
  return withLock(join(folder, 'lock'), onWait, buildLocked, signal);
}

/** @returns packages that are in the cache with the content that the signed list names */
async function obtainPackages(
  apt: Apt,
  store: ImageStore,
  options: PrepareGuestOptions,
  onProgress: (event: GuestProgress) => void,
): Promise<readonly PackageFile[]> {
  const { flavour } = options;
  const names = PACKAGES[flavour];
  const recorded = options.refresh === true ? undefined : await store.readRecord(flavour);
  const known = new Set(recorded?.packages.map(({ name }) => name));
  // Another recipe for packages that are still here needs no network.
  if (recorded !== undefined && names.every((name) => known.has(name))) {
    if ((await differing(apt, recorded.packages)).length === 0) return recorded.packages;
  }
  if (options.offline === true) {
    throw new GuestError(
      'ERR_GUEST_OFFLINE',
      `The guest "${flavour}" is not in the cache; run once with network, ${OWN_FILES}`,
    );
  }
  await apt.update();
  const packages = await apt.resolve(names);
  onProgress({ type: 'step', text: `Downloading ${packages.length} packages` });
  // apt takes a file of the right length for downloaded; what it holds is checked here.
  await apt.discard(await differing(apt, packages));
  await apt.download(names, packages);
  const [wrong] = await differing(apt, packages);
  if (wrong === undefined) return packages;
  throw new GuestError(
    'ERR_GUEST_SIGNATURE',
    `Package "${wrong.file}" does not have the SHA-256 that the signed list names; start again`,
  );
}

async function differing(apt: Apt, packages: readonly PackageFile[]): Promise<PackageFile[]> {
  const wrong: PackageFile[] = [];
  for (const item of packages) {
    if ((await sha256OfFile(apt.pathOf(item))) !== item.sha256) wrong.push(item);
  }
  return wrong;
}

function describeImage(store: ImageStore, { key, files, commandLine }: ImageRecord): GuestImage {
  const path = (name: string): string => join(store.imageFolder(key), name);
  return {
    bios: path(IMAGE_FILE.bios),
    vgaBios: path(IMAGE_FILE.vgaBios),
    ...(IMAGE_FILE.kernel in files && { kernel: path(IMAGE_FILE.kernel) }),
    ...(IMAGE_FILE.initrd in files && { initrd: path(IMAGE_FILE.initrd) }),
    ...(IMAGE_FILE.cdrom in files && { cdrom: path(IMAGE_FILE.cdrom) }),
    commandLine,
  };
}

/** Makes one clear line of the system's refusals; everything else stays what it is. */
function cacheFailure(error: unknown, cache: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new GuestError(
      'ERR_GUEST_DISK_FULL',
      `The cache "${cache}" is out of disk space; make room or set TPMDEV_CACHE to another folder`,
      { cause: error },
    );
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR') {
    return new GuestError(
      'ERR_GUEST_CACHE',
      `The cache "${cache}" can't be used (${code}); set TPMDEV_CACHE to another folder`,
      { cause: error },
    );
  }
  return error;
}
