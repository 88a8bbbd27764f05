// apt with a state of its own: it knows nothing of what is installed here and changes nothing
// outside the cache folder. Root isn't needed.

import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { aptFailure } from './apt-failure.js';
import { GuestError, OWN_FILES } from './guest-error.js';
import type { Mirror } from './mirror.js';
import type { ProgramResult, RunProgram } from './program.js';
import type { GuestProgress } from './progress.js';

/** One package file, as apt chose it. */
export interface PackageFile {
  /** Name in apt's archive folder, `name_version_architecture.deb`, `:` in the version as `%3a`. */
  readonly file: string;
  readonly name: string;
  readonly version: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** The release that has kernels for i386 last. */
const SUITE = 'bookworm';
const ARCHITECTURE = 'i386';

/**
 * Packages whose only use is in installing or running a whole Debian: nothing of them goes into an
 * image, so apt is told that they are there.
 */
const TAKEN_AS_INSTALLED: readonly string[] = [
  'kmod',
  'linux-base',
  'initramfs-tools',
  'tpm-udev',
  'debconf',
];
/** Satisfies every dependency of the kind `>=`. */
const INSTALLED_VERSION = '9999';

/** How often the size of what has arrived is looked up, in milliseconds. */
const PROGRESS_INTERVAL = 200;

/** Where, from what and how apt works. */
export interface AptOptions {
  /** Folder of its own inside the cache. */
  readonly folder: string;
  readonly mirror: Mirror;
  readonly run: RunProgram;
  readonly onProgress: (event: GuestProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Finds and downloads packages for the guest. */
export class Apt {
  readonly #options: AptOptions;

  private constructor(options: AptOptions) {
    this.#options = options;
  }

  /** Writes apt's configuration. What an earlier run left behind is used on. */
  static async open(options: AptOptions): Promise<Apt> {
    const { folder, mirror } = options;
    if (/\s|"/.test(folder)) {
      throw new GuestError(
        'ERR_GUEST_CACHE',
        `apt can't work in "${folder}", whose name has a space or quote in it; set TPMDEV_CACHE to another folder`,
      );
    }
    await mkdir(join(folder, 'state', 'lists', 'partial'), { recursive: true });
    await mkdir(join(folder, 'archives', 'partial'), { recursive: true });
    await mkdir(join(folder, 'no-archives', 'partial'), { recursive: true });
    await writeFile(join(folder, 'status'), statusFile());
    await writeFile(join(folder, 'sources.list'), sourcesList(mirror));
    await writeFile(join(folder, 'apt.conf'), configuration(folder));
    return new Apt(options);
  }

  /** Path of a package that has been downloaded. */
  pathOf({ file }: PackageFile): string {
    return join(this.#options.folder, 'archives', file);
  }

  /** Fetches the list of packages. Its signature is checked by apt. */
  async update(): Promise<void> {
    const { folder, mirror } = this.#options;
    this.#options.onProgress({ type: 'step', text: `Reading the package list of ${mirror.uri}` });
    const result = await this.#apt('update');
    const names = await readdir(join(folder, 'state', 'lists'));
    const hasList = names.some((name) => name.includes(`binary-${ARCHITECTURE}_Packages`));
    // apt only mentions it when a mirror lacks an architecture.
    if (result.code !== 0 || !hasList) {
      throw aptFailure(`${result.errors}\n${result.output}`, mirror.uri);
    }
  }

  /** @returns the packages and all that they depend on, in the versions of the list */
  async resolve(names: readonly string[]): Promise<PackageFile[]> {
    // apt names only what isn't in its archive folder yet, hence the empty one.
    const empty = `Dir::Cache::archives=${join(this.#options.folder, 'no-archives')}`;
    const result = await this.#install(names, '--print-uris', '-o', empty);
    const packages = parsePrintedUris(result.output);
    const known = new Set(packages.map(({ name }) => name));
    const missing = names.filter((name) => !known.has(name));
    if (missing.length > 0) {
      throw new GuestError(
        'ERR_GUEST_PACKAGE',
        `apt-get chose no version of ${missing.join(', ')}; start again, ${OWN_FILES}`,
      );
    }
    return packages;
  }

  /** Downloads what isn't there yet; apt goes on with half-finished files and checks SHA-256. */
  async download(names: readonly string[], packages: readonly PackageFile[]): Promise<void> {
    const { onProgress } = this.#options;
    const total = packages.reduce((sum, { size }) => sum + size, 0);
    const report = async (): Promise<void> => {
      const received = await this.#received(packages);
      onProgress({ type: 'download', received, total, packages: packages.length });
    };
    await report();
    let reporting: Promise<void> = Promise.resolve();
    const timer = setInterval(() => {
      reporting = report();
    }, PROGRESS_INTERVAL);
    try {
      await this.#install(names, '--download-only');
    } finally {
      clearInterval(timer);
      await reporting;
    }
    await report();
  }

  /** Deletes packages of which the content isn't what apt said. */
  async discard(packages: readonly PackageFile[]): Promise<void> {
    for (const item of packages) await rm(this.pathOf(item), { force: true });
  }

  async #install(names: readonly string[], ...options: string[]): Promise<ProgramResult> {
    const result = await this.#apt('install', ...options, ...names);
    if (result.code !== 0) {
      throw aptFailure(`${result.errors}\n${result.output}`, this.#options.mirror.uri);
    }
    return result;
  }

  #apt(...args: string[]): Promise<ProgramResult> {
    const { folder, run, signal } = this.#options;
    return run('apt-get', ['-c', join(folder, 'apt.conf'), ...args], signal);
  }

  async #received(packages: readonly PackageFile[]): Promise<number> {
    const archives = join(this.#options.folder, 'archives');
    let received = 0;
    for (const { file, size } of packages) {
      const whole = await sizeOf(join(archives, file));
      received += whole || Math.min(size, await sizeOf(join(archives, 'partial', file)));
    }
    return received;
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

/** A dpkg status file in which {@link TAKEN_AS_INSTALLED} are all that is installed. */
function statusFile(): string {
  return TAKEN_AS_INSTALLED.map(
    (name) =>
      `Package: ${name}\nStatus: install ok installed\nArchitecture: all\nMulti-Arch: foreign\n` +
      `Version: ${INSTALLED_VERSION}\nMaintainer: none\nDescription: none\n`,
  ).join('\n');
}

function sourcesList({ uri, signedBy }: Mirror): string {
  const signed = signedBy === undefined ? '' : ` signed-by=${signedBy}`;
  return `deb [arch=${ARCHITECTURE}${signed}] ${uri} ${SUITE} main\n`;
}

/**
 * What differs from the system's configuration, of which proxies, credentials and certificates
 * stay in force. Its hooks do not: they are about the system's packages.
 */
function configuration(folder: string): string {
  return `Dir::State "${folder}/state";
Dir::State::status "${folder}/status";
Dir::Cache "${folder}";
Dir::Cache::archives "archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "${folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::Languages;
#clear APT::Default-Release;
APT::Architecture "${ARCHITECTURE}";
APT::Architectures { "${ARCHITECTURE}"; };
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Update::Error-Mode "any";
APT::Get::Assume-Yes "true";
APT::Get::AllowUnauthenticated "false";
APT::Keep-Downloaded-Packages "true";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::ForceHash "SHA256";
Acquire::Languages { "none"; };
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
`;
}

/**
 * Reads the lines that `apt-get --print-uris` prints: `'uri' file size SHA256:hash`.
 *
 * @throws GuestError `ERR_GUEST_PACKAGE` when a package has no SHA-256
 */
export function parsePrintedUris(output: string): PackageFile[] {
  const packages: PackageFile[] = [];
  for (const line of output.split('\n')) {
    const match = /^'[^']*' (\S+\.deb) (\d+) ?(\S*)$/.exec(line.trim());
    if (match === null) continue;
    const [, file = '', size, hash = ''] = match;
    const [name = '', version = ''] = file.split('_');
    if (!/^SHA256:[0-9a-f]{64}$/.test(hash)) {
      throw new GuestError(
        'ERR_GUEST_PACKAGE',
        `The package list has no SHA-256 of "${file}"; configure apt with another mirror, ${OWN_FILES}`,
      );
    }
    packages.push({
      file,
      name,
      version: decodeURIComponent(version),
      size: Number(size),
      sha256: hash.slice('SHA256:'.length),
    });
  }
  return packages;
}
