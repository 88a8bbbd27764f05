import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { neededLibraries } from './elf.js';
import { GuestError } from './guest-error.js';
import type { ArchiveEntry } from './newc.js';

/** Where the i386 loader looks for libraries, in its order. */
const LIBRARY_FOLDERS = ['lib/i386-linux-gnu', 'usr/lib/i386-linux-gnu', 'lib', 'usr/lib'] as const;

const LOADER = 'ld-linux.so.2';
const TOOLS_LIBRARY = 'libtss2-tcti-device.so.0';
const TOOLS_PROGRAM = 'tpm2';

/**
 * Entries for tpm2-tools: the one program with a link for each tool, and its libraries.
 *
 * @param unpacked folder with the files of the packages
 * @throws GuestError `ERR_GUEST_PACKAGE` when a file is missing
 */
export async function toolsRoot(unpacked: string): Promise<ArchiveEntry[]> {
  const programs = join(unpacked, 'usr', 'bin');
  const program = await readFile(join(programs, TOOLS_PROGRAM));
  const tools: ArchiveEntry[] = [];
  for (const name of (await readdir(programs)).sort()) {
    if (!name.startsWith('tpm2_')) continue;
    const target = await readlink(join(programs, name));
    if (target === TOOLS_PROGRAM) tools.push({ type: 'link', path: `usr/bin/${name}`, target });
  }
  const libraries = await collectLibraries(unpacked, program);
  return [
    ...['lib', 'usr/lib', 'usr/lib/i386-linux-gnu'].map(
      (path): ArchiveEntry => ({ type: 'directory', path }),
    ),
    { type: 'file', path: `usr/bin/${TOOLS_PROGRAM}`, mode: 0o755, data: program },
    ...tools,
    ...[...libraries].map(
      ([name, data]): ArchiveEntry => ({
        type: 'file',
        path: name === LOADER ? `lib/${name}` : `usr/lib/i386-linux-gnu/${name}`,
        mode: 0o755,
        data,
      }),
    ),
  ];
}

async function collectLibraries(
  unpacked: string,
  program: Uint8Array,
): Promise<Map<string, Uint8Array>> {
  const libraries = new Map<string, Uint8Array>();
  const wanted = [...neededLibraries(program), TOOLS_LIBRARY, LOADER];
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (libraries.has(name)) continue;
    const data = await readLibrary(unpacked, name);
    libraries.set(name, data);
    wanted.push(...neededLibraries(data));
  }
  return new Map([...libraries].sort(([one], [other]) => (one < other ? -1 : 1)));
}

async function readLibrary(unpacked: string, name: string): Promise<Uint8Array> {
  for (const folder of LIBRARY_FOLDERS) {
    try {
      return await readFile(join(unpacked, folder, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new GuestError(
    'ERR_GUEST_PACKAGE',
    `The packages hold no library "${name}", which tpm2-tools needs; use the guest "minimal"`,
  );
}
