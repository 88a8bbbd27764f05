import { prepareGuest, progressDisplay } from '@tpmdev/guest';
import {
  type PreparedGuest,
  processEnvironment,
  type RunningMachine,
  runV86,
  type V86Environment,
} from 'tpm-v86/node';
import { checkProof, type ProofCheck } from './proof-checks.js';
import { ProofReader } from './proof-reader.js';
import type { StartOptions } from './start-options.js';
import { prepareStateFolder, stateFolder } from './state-folder.js';
import { type SwtpmProcess, startSwtpm } from './swtpm-process.js';

/** Lets the guest show its log in a way that gets here. A CD has its kernel's parameters on it. */
const LOG_PARAMETER = 'tpmdev.log';
const LOG_COMMAND_LINE = ' tpm-proof --log\n';

/** When a run that nobody watches gives up, in seconds. */
const PATIENCE = '600';

const NOTHING: Uint8Array = new Uint8Array(0);

/** @returns the command line of `tpm-v86` that the options stand for */
export function commandLineOf(
  options: StartOptions,
  stateDirectory: string,
  socket: string | undefined,
  isWatched: boolean,
): string[] {
  // QEMU's grammar: a comma in a value is written twice.
  const value = (text: string) => text.replaceAll(',', ',,');
  const tpm =
    socket === undefined
      ? ['-tpmdev', `embedded,id=tpm0,state=${value(stateDirectory)}`]
      : [
          ...['-chardev', `socket,id=chrtpm,path=${value(socket)}`],
          ...['-tpmdev', 'emulator,id=tpm0,chardev=chrtpm'],
        ];
  return [
    ...['--guest', options.flavour],
    ...(options.flavour === 'cd' ? ['-boot', 'd'] : []),
    ...tpm,
    ...['-device', `${options.model},tpmdev=tpm0`],
    ...(isWatched || options.rest.includes('--timeout') ? [] : ['--timeout', PATIENCE]),
    ...options.rest,
  ];
}

/**
 * Boots the guest, shows its proof, and stays until the person leaves.
 *
 * @returns the exit code
 */
export async function bootGuest(options: StartOptions): Promise<number> {
  const folder = stateFolder(options, process.env);
  await prepareStateFolder(folder, options);
  process.stderr.write(
    `The TPM's state is in ${folder}; npm start -- --fresh begins with a new TPM\n`,
  );
  const swtpm: SwtpmProcess | undefined =
    options.backend === 'swtpm' ? await startSwtpm(folder, options.tpmVersion) : undefined;
  try {
    const isWatched = process.stdin.isTTY === true;
    const words = commandLineOf(options, folder, swtpm?.socket, isWatched);
    process.stderr.write(`tpm-v86 ${words.map(quoted).join(' ')}\n`);
    return await new ProofRun(options, isWatched).run(words);
  } finally {
    await swtpm?.close();
  }
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** One run of the machine, with an eye on what the guest says. */
class ProofRun {
  readonly #options: StartOptions;
  readonly #isWatched: boolean;
  readonly #reader: ProofReader = new ProofReader();
  #machine: RunningMachine | undefined;
  #checks: readonly ProofCheck[] | undefined;
  /** What came while the checks run; `undefined` when none do. */
  #held: Uint8Array[] | undefined;

  constructor(options: StartOptions, isWatched: boolean) {
    this.#options = options;
    this.#isWatched = isWatched;
  }

  /** @returns the exit code: that of the machine, or 1 when something of the proof is missing */
  async run(words: readonly string[]): Promise<number> {
    const exitCode = await runV86(words, this.#environment());
    if (exitCode !== 0) return exitCode;
    if (this.#checks === undefined) {
      process.stderr.write('npm start: the guest did not get as far as showing its TPM\n');
      return 1;
    }
    return this.#checks.every(({ passed }) => passed) ? 0 : 1;
  }

  #environment(): V86Environment {
    return {
      ...processEnvironment('npm start'),
      prepareGuest: (flavour) => this.#prepare(flavour),
      onStart: (machine) => {
        this.#machine = machine;
      },
      filterSerial: (bytes) => this.#filter(bytes),
    };
  }

  async #prepare(flavour: StartOptions['flavour']): Promise<PreparedGuest> {
    const display = progressDisplay(process.stderr);
    try {
      const { onProgress } = display;
      const { offline } = this.#options;
      const { commandLine, ...files } = await prepareGuest({ flavour, offline, onProgress });
      return flavour === 'cd' ? files : { ...files, append: `${commandLine} ${LOG_PARAMETER}` };
    } finally {
      display.end();
    }
  }

  #filter(bytes: Uint8Array): Uint8Array {
    if (this.#held !== undefined) {
      this.#held.push(bytes.slice());
      return NOTHING;
    }
    const { shown, rest, proof, isReady } = this.#reader.push(bytes);
    if (isReady === true && this.#checks === undefined) this.#machine?.type(LOG_COMMAND_LINE);
    const isComplete = proof !== undefined && (proof.log !== undefined || this.#mustHaveLog());
    if (isComplete && this.#checks === undefined) {
      this.#held = [rest.slice()];
      void checkProof(proof, this.#options).then((checks) => this.#report(checks));
      return shown;
    }
    return rest.length === 0 ? shown : joined(shown, this.#filter(rest));
  }

  /** A guest from a CD is asked for its log when its shell is there. */
  #mustHaveLog(): boolean {
    return this.#options.flavour !== 'cd';
  }

  #report(checks: readonly ProofCheck[]): void {
    this.#checks = checks;
    const missing = checks.filter(({ passed }) => !passed).length;
    const lines = checks.map(({ passed, text }) => `  ${passed ? '✓' : '✗'} ${text}`);
    const last =
      missing === 0
        ? 'The guest has a working TPM.'
        : `${missing} of ${checks.length} are missing.`;
    const report = `\n${lines.join('\n')}\n${last}\n\n`;
    this.#machine?.show(new TextEncoder().encode(report));
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const bytes of held) this.#machine?.show(this.#filter(bytes));
    if (!this.#isWatched) this.#machine?.end(0);
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(one.length + other.length);
  bytes.set(one);
  bytes.set(other, one.length);
  return bytes;
}
