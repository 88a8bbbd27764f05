/** A command line that can't be used. */
export class UsageError extends Error {}

/** What `npm start --` is told. */
export interface StartOptions {
  readonly model: 'tpm-tis' | 'tpm-crb';
  readonly flavour: 'minimal' | 'tools' | 'cd';
  readonly backend: 'embedded' | 'swtpm';
  readonly tpmVersion: '1.2' | '2.0';
  /** Begin with a new TPM. */
  readonly fresh: boolean;
  /** No network: images from the cache, or an error. */
  readonly offline: boolean;
  /** No guest: drive the device in the way of a driver. */
  readonly probe: boolean;
  readonly help: boolean;
  /** What goes to `tpm-v86` as it is. */
  readonly rest: readonly string[];
}

/** Help for people. */
export const USAGE = `Usage: npm start -- [options] [options of tpm-v86]

Boots SeaBIOS and Linux in v86 with a TPM, shows what the guest says about it, and leaves you in
the guest's shell. Without a terminal on standard input it ends after that: with exit code 0, or 1
if something is missing.

  --crb       attach the CRB device instead of the TIS device
  --tools     a guest with tpm2-tools
  --cd        a guest that boots from a CD, as a disk does
  --swtpm     swtpm is the TPM, instead of the embedded TPM
  --tpm 1.2   a TPM 1.2 (of swtpm); 2.0 unless told otherwise
  --fresh     begin with a new TPM; otherwise the one of the last run goes on
  --offline   don't use the network; the first run needs it
  --probe     no guest: drive the device as a driver does at probe, and show the PCRs
  --trace     show the traffic with the TPM, decoded
  --debug     show the stack of an error

All other options are those of tpm-v86, which has QEMU's: npm start -- -help shows them.`;

const FLAGS: ReadonlySet<string> = new Set([
  '--crb',
  '--tools',
  '--cd',
  '--swtpm',
  '--fresh',
  '--offline',
  '--probe',
  '--help',
]);

/**
 * @param words the arguments
 * @throws UsageError with one line that names the option and the way out
 */
export function readStartOptions(words: readonly string[]): StartOptions {
  const flags = new Set<string>();
  const rest: string[] = [];
  let tpm: string | undefined;
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (FLAGS.has(word)) flags.add(word);
    else if (word === '--tpm') tpm = words[++index] ?? '';
    else rest.push(word);
  }
  if (tpm !== undefined && tpm !== '1.2' && tpm !== '2.0') {
    throw new UsageError(`--tpm: "${tpm}" is no TPM family; use 1.2 or 2.0`);
  }
  if (tpm === '1.2' && !flags.has('--swtpm')) {
    throw new UsageError('--tpm 1.2: the embedded TPM is a TPM 2.0; add --swtpm');
  }
  if (tpm === '1.2' && flags.has('--crb')) {
    throw new UsageError('--tpm 1.2: a CRB device is for a TPM 2.0; leave out --crb');
  }
  if (flags.has('--tools') && flags.has('--cd')) {
    throw new UsageError('--tools and --cd are two guests; leave one of them out');
  }
  return {
    model: flags.has('--crb') ? 'tpm-crb' : 'tpm-tis',
    flavour: flags.has('--tools') ? 'tools' : flags.has('--cd') ? 'cd' : 'minimal',
    backend: flags.has('--swtpm') ? 'swtpm' : 'embedded',
    tpmVersion: tpm ?? '2.0',
    fresh: flags.has('--fresh'),
    offline: flags.has('--offline'),
    probe: flags.has('--probe'),
    help: flags.has('--help'),
    rest,
  };
}
