// Reads what the guest's `tpm-proof` prints. Runs in a browser too.

/** What a Linux guest said about its TPM. Absent is what it did not say. */
export interface TpmProof {
  /** Lines of the kernel's log that name the TPM, with time stamps. */
  readonly kernelLines: readonly string[];
  /** Device nodes that exist, such as `/dev/tpm0`. */
  readonly devices: readonly string[];
  /** 1 or 2. */
  readonly versionMajor?: number;
  /** Bank whose PCRs are shown: `sha256`, or `sha1` with TPM 1.2. */
  readonly bank?: string;
  /** Values of PCR 0 to 10, upper-case hexadecimal. */
  readonly pcrs: ReadonlyMap<number, string>;
  /** Bytes in the event log. */
  readonly logSize?: number;
  /** The event log, when it was asked for with `tpmdev.log` or `tpm-proof --log`. */
  readonly log?: Uint8Array;
  /** Sources of random numbers that Linux has, such as `tpm-rng-0`. */
  readonly randomSources: readonly string[];
}

/** First and last line of a proof. */
export const PROOF_BEGIN = 'tpm-proof begin';
export const PROOF_END = 'tpm-proof end';
/** The line after which the guest's shell takes input; its prompt follows. */
export const GUEST_READY = 'tpmdev-guest ready';
/** The prompt of the guest's shell. */
export const GUEST_PROMPT = 'guest# ';
/** Begins the line that says how the script of a run ended, followed by its exit code. */
export const RUN_EXIT = 'tpmdev-run exit ';

/**
 * @param text what came over the serial console, with CR LF or LF
 * @returns the last whole proof in it, or undefined when there is none
 */
export function parseProof(text: string): TpmProof | undefined {
  const lines = text.split(/\r*\n/);
  const end = lines.lastIndexOf(PROOF_END);
  const begin = end < 0 ? -1 : lines.lastIndexOf(PROOF_BEGIN, end);
  if (begin < 0) return undefined;
  const sections = splitSections(lines.slice(begin + 1, end));
  const find = (pattern: RegExp): [string, string[]] | undefined =>
    sections.find(([command]) => pattern.test(command));
  const version = /^[12]$/.exec(find(/^cat .*tpm_version_major$/)?.[1][0] ?? '')?.[0];
  const pcrSection = find(/pcr-(\w+) /);
  const bank = /pcr-(\w+) /.exec(pcrSection?.[0] ?? '')?.[1];
  const size = /^(\d+) /.exec(find(/^wc -c /)?.[1][0] ?? '')?.[1];
  const base64 = find(/^base64 /)?.[1].join('');
  const pcrs = readPcrs(pcrSection?.[1] ?? []);
  return {
    kernelLines: find(/^dmesg /)?.[1] ?? [],
    devices: (find(/^ls /)?.[1] ?? []).flatMap(
      (line) => /^c.* (\/dev\/\w+)$/.exec(line)?.[1] ?? [],
    ),
    ...(version !== undefined && { versionMajor: Number(version) }),
    ...(bank !== undefined && pcrs.size > 0 && { bank }),
    pcrs,
    ...(size !== undefined && { logSize: Number(size) }),
    ...(base64 !== undefined && isBase64(base64) && { log: decodeBase64(base64) }),
    randomSources: (find(/rng_available$/)?.[1][0] ?? '').split(' ').filter((name) => name !== ''),
  };
}

/** Commands, which begin with `# `, and the lines below each. */
function splitSections(lines: readonly string[]): [command: string, output: string[]][] {
  const sections: [string, string[]][] = [];
  for (const line of lines) {
    if (line.startsWith('# ')) sections.push([line.slice(2), []]);
    else sections.at(-1)?.[1].push(line);
  }
  return sections;
}

function readPcrs(lines: readonly string[]): Map<number, string> {
  const pcrs = new Map<number, string>();
  for (const line of lines) {
    const match = /^(\d+):([0-9A-F]+)$/.exec(line);
    if (match !== null) pcrs.set(Number(match[1]), match[2] ?? '');
  }
  return pcrs;
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
