import { GuestError, OWN_FILES } from './guest-error.js';

/** Messages of apt (untranslated) and what they mean for the person who waits for the guest. */
const KNOWN: readonly [RegExp, (mirror: string, line: string) => GuestError][] = [
  [
    /No space left on device|enough free space/,
    (_mirror, line) =>
      new GuestError(
        'ERR_GUEST_DISK_FULL',
        `The cache is out of disk space (${line}); make room or set TPMDEV_CACHE to another folder`,
      ),
  ],
  [
    /Could not get lock|Unable to lock/,
    (_mirror, line) =>
      new GuestError(
        'ERR_GUEST_CACHE',
        `Another apt uses the cache (${line}); wait until it has ended and start again`,
      ),
  ],
  [
    /doesn't support architecture/,
    (mirror) =>
      new GuestError(
        'ERR_GUEST_ARCHITECTURE',
        `The mirror ${mirror} has no packages for i386; configure apt with a mirror that has, ${OWN_FILES}`,
      ),
  ],
  [
    /NO_PUBKEY|is not signed|couldn't be verified|invalid signature|public key is not available|BADSIG|EXPKEYSIG/,
    (mirror) =>
      new GuestError(
        'ERR_GUEST_SIGNATURE',
        `The signature of ${mirror} could not be verified; install or update the package debian-archive-keyring, ${OWN_FILES}`,
      ),
  ],
  [
    /does not have a Release file/,
    (mirror) =>
      new GuestError(
        'ERR_GUEST_SUITE',
        `The mirror ${mirror} has no Debian 12 (bookworm); configure apt with a mirror that has, ${OWN_FILES}`,
      ),
  ],
  [
    /Unable to locate package|has no installation candidate/,
    (mirror, line) =>
      new GuestError(
        'ERR_GUEST_PACKAGE',
        `The mirror ${mirror} lacks a package (${line}); configure apt with a complete mirror, ${OWN_FILES}`,
      ),
  ],
  [
    /Could not resolve|Temporary failure resolving|[Cc]ould not connect|Unable to connect|Network is unreachable|timed out|Connection failed|Failed to fetch|Certificate verification failed/,
    (mirror, line) =>
      new GuestError(
        'ERR_GUEST_NETWORK',
        `Downloading from ${mirror} failed (${line}); check the network and start again, what is complete is kept, ${OWN_FILES}`,
      ),
  ],
];

/**
 * The error that stands for a failed run of apt.
 *
 * @param output what apt wrote, with `LC_ALL=C`
 * @param mirror base address that was used
 */
export function aptFailure(output: string, mirror: string): GuestError {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  for (const [pattern, toError] of KNOWN) {
    const line = lines.find((candidate) => pattern.test(candidate));
    if (line !== undefined) return toError(mirror, shorten(line));
  }
  const line = lines.find((candidate) => candidate.startsWith('E:')) ?? lines.at(-1) ?? 'no output';
  return new GuestError(
    'ERR_GUEST_PROGRAM',
    `apt-get failed (${shorten(line)}); ${OWN_FILES.slice(3)}`,
  );
}

function shorten(line: string): string {
  const text = line.replace(/^[EWN]: /, '').replace(/\s+/g, ' ');
  return text.length > 200 ? `${text.slice(0, 197)}...` : text;
}
