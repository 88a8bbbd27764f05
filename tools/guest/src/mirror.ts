// Which mirror this machine uses for Debian, from apt's own configuration (sources.list(5)).

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GuestError, OWN_FILES } from './guest-error.js';

/** Where Debian's packages come from and what vouches for them. */
export interface Mirror {
  /** Base address, such as `http://mirror.example/debian`. */
  readonly uri: string;
  /** Key ring that signs it; undefined leaves the choice to apt's trusted keys. */
  readonly signedBy: string | undefined;
}

/** One archive, suite and set of components of a sources file. */
export interface SourceEntry {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy: string | undefined;
}

/** Key rings of package debian-archive-keyring, newest name first. */
const DEBIAN_KEYRINGS: readonly string[] = [
  '/usr/share/keyrings/debian-archive-keyring.pgp',
  '/usr/share/keyrings/debian-archive-keyring.gpg',
];

/** Suites that only Debian's archive has. A mirror of one of them has the others beside it. */
const DEBIAN_SUITE =
  /^(?:buster|bullseye|bookworm|trixie|forky|sid|(?:old)*stable|testing|unstable)$/;

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

/** Reads the one-line style: `deb [options] uri suite component…`. */
export function parseOneLineSources(text: string): SourceEntry[] {
  const entries: SourceEntry[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
    if (match === null) continue;
    const [, options = '', uri = '', suite = '', components = ''] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
    entries.push({ uris: [uri], suites: [suite], components: words(components), signedBy });
  }
  return entries;
}

/** Reads the deb822 style: stanzas with `URIs`, `Suites` and `Components`. */
export function parseDeb822Sources(text: string): SourceEntry[] {
  const entries: SourceEntry[] = [];
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = parseStanza(stanza);
    const isEnabled = !/^(?:no|false|off|0)$/i.test(fields.get('enabled') ?? 'yes');
    if (!isEnabled || !words(fields.get('types') ?? '').includes('deb')) continue;
    const signedBy = fields.get('signed-by');
    entries.push({
      uris: words(fields.get('uris') ?? ''),
      suites: words(fields.get('suites') ?? ''),
      components: words(fields.get('components') ?? ''),
      signedBy: signedBy?.startsWith('/') === true ? signedBy : undefined,
    });
  }
  return entries;
}

function parseStanza(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of stanza.split('\n')) {
    if (line.startsWith('#')) continue;
    const match = /^([\w-]+):\s*(.*)$/.exec(line);
    if (match !== null) {
      last = match[1]?.toLowerCase() ?? '';
      fields.set(last, match[2]?.trim() ?? '');
    } else if (/^\s/.test(line) && last !== '') {
      fields.set(last, `${fields.get(last) ?? ''} ${line.trim()}`.trim());
    }
  }
  return fields;
}

/**
 * The mirror that this machine takes Debian from.
 *
 * Access by `file:`, `cdrom:` and the like is passed over, since such a copy seldom has i386.
 *
 * @throws GuestError `ERR_GUEST_NETWORK` when apt knows no mirror of Debian
 */
export function chooseMirror(
  entries: readonly SourceEntry[],
  exists: (path: string) => boolean = existsSync,
): Mirror {
  const keyring = DEBIAN_KEYRINGS.find(exists);
  for (const { uris, suites, components, signedBy } of entries) {
    const uri = uris.find((candidate) => /^https?:\/\//.test(candidate));
    const isDebian = suites.some((suite) => DEBIAN_SUITE.test(suite));
    if (uri === undefined || !isDebian || !components.includes('main')) continue;
    const known = signedBy !== undefined && exists(signedBy) ? signedBy : keyring;
    return { uri: uri.replace(/\/+$/, ''), signedBy: known };
  }
  throw new GuestError(
    'ERR_GUEST_NETWORK',
    `No network mirror of Debian is in apt's sources; add one (Debian 12, main), ${OWN_FILES}`,
  );
}

/**
 * Reads the sources files of an apt configuration folder; one that is unreadable is passed over,
 * as apt does for an ordinary user.
 */
export function systemSources(folder: string = '/etc/apt'): SourceEntry[] {
  const parts = join(folder, 'sources.list.d');
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const files = [join(folder, 'sources.list'), ...names.map((name) => join(parts, name))];
  return files.flatMap((file) => {
    const text = readIfPossible(file);
    if (file.endsWith('.sources')) return parseDeb822Sources(text);
    return file.endsWith('.list') ? parseOneLineSources(text) : [];
  });
}

function readIfPossible(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
