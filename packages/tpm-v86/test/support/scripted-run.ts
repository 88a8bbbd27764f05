import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, vi } from 'vitest';
import type { V86Environment } from '../../src/cli/environment.js';
import { runV86 } from '../../src/cli/run-v86.js';
import { plainText } from '../../src/console/output-watch.js';
import { ScriptedEmulator } from './scripted-emulator.js';

/** Limit for something to be shown, in milliseconds. */
const PATIENCE = 10_000;

/** How a {@link ScriptedRun} differs from one on two pipes. */
export interface ScriptedRunOptions extends Partial<V86Environment> {
  readonly isTerminal?: boolean;
  /** Does what v86 does when the machine is made. */
  readonly prepareMachine?: (machine: ScriptedEmulator) => void;
}

/** A run of the command line whose terminal and machine belong to the test. */
export class ScriptedRun {
  readonly input: PassThrough & { isTTY?: boolean; setRawMode?: (mode: boolean) => void };
  readonly output: PassThrough & { isTTY?: boolean; rows?: number };
  /** Every change of the terminal's mode. */
  readonly rawModes: boolean[] = [];
  /** Lines on standard error. */
  readonly reports: string[] = [];
  /** Resolves when the machine is there. */
  readonly machine: Promise<ScriptedEmulator>;
  readonly exitCode: Promise<number>;
  readonly folder: string = mkdtempSync(join(tmpdir(), 'tpm-v86-test-'));
  #shown = '';

  /** @param line the command line; firmware is there, and a kernel as `FOLDER/vmlinuz` */
  constructor(
    line: string,
    { isTerminal = false, prepareMachine, ...more }: ScriptedRunOptions = {},
  ) {
    this.input = Object.assign(new PassThrough(), {
      isTTY: isTerminal,
      setRawMode: (mode: boolean) => void this.rawModes.push(mode),
    });
    this.output = Object.assign(new PassThrough(), { isTTY: isTerminal, rows: 25 });
    this.output.on('data', (chunk) => {
      this.#shown += chunk;
    });
    writeFileSync(join(this.folder, 'bios-256k.bin'), new Uint8Array(0x10000));
    writeFileSync(join(this.folder, 'vgabios-stdvga.bin'), Uint8Array.of(0x55, 0xaa));
    const kernel = new Uint8Array(0x1000);
    kernel.set(new TextEncoder().encode('HdrS'), 0x202);
    writeFileSync(join(this.folder, 'vmlinuz'), kernel);
    let started: (machine: ScriptedEmulator) => void = () => {};
    this.machine = new Promise((resolve) => {
      started = resolve;
    });
    let emulator: ScriptedEmulator | undefined;
    const environment: V86Environment = {
      input: this.input,
      output: this.output,
      report: (message) => void this.reports.push(message),
      diagnose: (text) => void this.reports.push(text),
      createEmulator: async () => (options) => {
        emulator = new ScriptedEmulator(options);
        prepareMachine?.(emulator);
        return emulator;
      },
      onStart: () => {
        emulator!.emit('emulator-ready');
        emulator!.emit('emulator-loaded');
        started(emulator!);
      },
      ...more,
    };
    const words = [
      '-L',
      this.folder,
      ...line
        .replaceAll('FOLDER', this.folder)
        .split(' ')
        .filter((word) => word !== ''),
    ];
    this.exitCode = runV86(words, environment).finally(() =>
      rmSync(this.folder, { recursive: true, force: true }),
    );
  }

  /** Everything that was written to the terminal. */
  get shown(): string {
    return this.#shown;
  }

  /** Waits until the terminal shows a text. */
  async shows(text: string): Promise<void> {
    const show = () => expect(plainText(this.#shown)).toContain(text);
    await vi.waitFor(show, { timeout: PATIENCE });
  }

  /** Types on the terminal, and waits until it has been read. */
  async type(text: string): Promise<void> {
    this.input.write(Buffer.from(text, 'latin1'));
    await this.settle();
  }

  /** Lets everything happen that is under way. */
  async settle(): Promise<void> {
    for (let count = 0; count < 20; count++) await new Promise((resolve) => setImmediate(resolve));
  }
}
