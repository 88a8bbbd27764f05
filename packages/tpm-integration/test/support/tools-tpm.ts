import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listenOnPair } from '../../src/simulator/port-pair.js';
import { until } from './peers.js';
import type { Resources } from './resources.js';

/** How a tool ended. */
export interface ToolOutcome {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** A TPM that tpm2-tools can reach. Each has a directory of its own for the files of the tools. */
export class ToolsTpm {
  readonly #tcti: string;
  readonly #directory: string;

  /**
   * @param tcti how the tools reach it, for example `mssim:host=127.0.0.1,port=2321`
   * @param directory working directory of the tools
   */
  constructor(tcti: string, directory: string) {
    this.#tcti = tcti;
    this.#directory = directory;
  }

  /** Writes a file where the tools run. */
  async writeFile(name: string, contents: string): Promise<void> {
    await writeFile(join(this.#directory, name), contents);
  }

  /** Runs one of tpm2-tools, without its prefix `tpm2_`. Rejects when it isn't installed. */
  run(words: readonly string[]): Promise<ToolOutcome> {
    const [tool, ...parameters] = words;
    const options = {
      cwd: this.#directory,
      env: { ...process.env, TPM2TOOLS_TCTI: this.#tcti },
    };
    return new Promise((resolve, reject) => {
      execFile(`tpm2_${tool}`, parameters, options, (error, output, errors) => {
        if (error?.code === ('ENOENT' as unknown)) {
          const message = `tpm2_${tool} can't be started; install it: apt-get install tpm2-tools`;
          reject(new Error(message, { cause: error }));
          return;
        }
        resolve({ code: Number(error?.code ?? 0), output, errors });
      });
    });
  }

  /** Runs a tool and then flushes the objects that it left in the TPM, as upstream's tests do. */
  async runAlone(words: readonly string[]): Promise<ToolOutcome> {
    const outcome = await this.run(words);
    await this.run(['flushcontext', '-t']);
    return outcome;
  }
}

/** Starts a fresh swtpm that the tools reach without us. */
export async function startToolsSwtpm(resources: Resources): Promise<ToolsTpm> {
  const directory = await resources.directory();
  await mkdir(join(directory, 'state'));
  const pair = await listenOnPair('127.0.0.1', 0);
  const closed = [pair.command, pair.platform].map(
    (server) => new Promise<void>((resolve) => void server.close(() => resolve())),
  );
  await Promise.all(closed);
  await resources.start('swtpm', [
    ...['socket', '--tpm2', '--flags', 'not-need-init'],
    ...['--tpmstate', `dir=${join(directory, 'state')}`],
    ...['--server', `type=tcp,port=${pair.port}`, '--ctrl', `type=tcp,port=${pair.port + 1}`],
  ]);
  const listens = () =>
    new Promise<boolean>((resolve) => {
      const probe = connect({ host: '127.0.0.1', port: pair.port + 1 });
      const end = (isThere: boolean) => {
        probe.destroy();
        resolve(isThere);
      };
      probe.once('connect', () => end(true)).once('error', () => end(false));
    });
  await until(listens, 'swtpm');
  return new ToolsTpm(`swtpm:host=127.0.0.1,port=${pair.port}`, directory);
}

/** `tpmdev serve` in a process of its own. */
export interface ServeProcess {
  readonly child: ChildProcess;
  readonly tpm: ToolsTpm;
  /** The line that says that it is ready. */
  readonly ready: string;
  /** Resolves with exit code or signal, and what was written to standard error. */
  readonly exited: Promise<string>;
}

/** Starts `tpmdev serve`, which must be built, as the leader of a process group. */
export async function startServe(
  resources: Resources,
  words: readonly string[],
): Promise<ServeProcess> {
  const bin = fileURLToPath(new URL('../../dist/bin/tpmdev.js', import.meta.url));
  if (!existsSync(bin)) throw new Error(`${bin} is missing; run: pnpm run build`);
  const child = spawn(process.execPath, [bin, 'serve', '--tcp', '0', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  let isOver = false;
  const exited = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => {
      isOver = true;
      resolve(`${signal ?? code}: ${errors}`);
    });
  });
  resources.add(async () => {
    if (!isOver) child.kill('SIGTERM');
    await exited;
  });
  await until(() => output.includes('\n') || isOver, 'tpmdev serve');
  if (isOver) throw new Error(`tpmdev serve ended with ${await exited}`);
  const port = /command port (\d+)/.exec(output)?.[1];
  const tpm = new ToolsTpm(`mssim:host=127.0.0.1,port=${port}`, await resources.directory());
  return { child, tpm, ready: output, exited };
}
