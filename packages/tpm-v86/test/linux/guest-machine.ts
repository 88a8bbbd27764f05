import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { GuestImage } from '@tpmdev/guest';
import { GUEST_PROMPT, GUEST_READY } from '@tpmdev/guest/proof';
import type { TpmBackend, TpmdevError } from 'tpm-integration/assembly';
import { V86 } from 'v86';
import { type AttachTpmOptions, attachTpm, type TpmAttachment } from '../../src/index.js';
import { openTpm, type TpmKind } from '../support/tpm.js';

/** A boot on a busy machine gets this long, in milliseconds. */
export const BOOT_TIME = 300_000;

/**
 * For Linux: the proof has the boot log in it, and no warning of the kernel, such as of a clock that
 * goes wrong on a busy machine, gets between what programs print.
 */
export const PROOF_PARAMETERS = 'tpmdev.log loglevel=1';

/** Any single command in the guest gets this long, in milliseconds. */
const COMMAND_TIME = 120_000;

/** Characters of the guest's output that an error shows. */
const SHOWN = 3000;

/** How a guest with Linux is started. */
export interface GuestMachineOptions
  extends Omit<Partial<AttachTpmOptions>, 'backend' | 'onError'> {
  readonly image: GuestImage;
  readonly tpm: TpmKind;
  /** Further parameters for Linux. */
  readonly parameters?: string;
  /** The state that the machine begins with; nothing boots then. */
  readonly initialState?: ArrayBuffer;
  /** Where v86's wasm file is; that of the installed package unless told otherwise. */
  readonly wasmPath?: string;
}

/** How a command in the guest's shell ended. */
export interface CommandResult {
  /** What it printed on both streams, with LF, without the last one. */
  readonly output: string;
  readonly exitCode: number;
}

function load(path: string): { buffer: ArrayBuffer } {
  return { buffer: new Uint8Array(readFileSync(path)).buffer };
}

function emulatorOptions(options: GuestMachineOptions): object {
  const { image, parameters = '', initialState, wasmPath } = options;
  const { kernel, initrd, cdrom, commandLine } = image;
  const boots = initialState === undefined;
  return {
    wasm_path: wasmPath ?? fileURLToPath(import.meta.resolve('v86/build/v86.wasm')),
    bios: load(image.bios),
    vga_bios: load(image.vgaBios),
    acpi: true,
    memory_size: 256 * 2 ** 20,
    net_device: { type: 'none' },
    disable_speaker: true,
    autostart: true,
    ...(boots && kernel !== undefined && { bzimage: load(kernel) }),
    ...(boots && initrd !== undefined && { initrd: load(initrd) }),
    ...(boots && kernel !== undefined && { cmdline: `${commandLine} ${parameters}`.trim() }),
    ...(cdrom !== undefined && { cdrom: load(cdrom) }),
    ...(initialState !== undefined && { initial_state: { buffer: initialState } }),
  };
}

/** A PC in v86 with a TPM and Linux, whose shell is used over the serial port. */
export class GuestMachine {
  readonly emulator: V86;
  readonly attachment: TpmAttachment;
  readonly backend: TpmBackend;
  /** What the attachment reported. */
  readonly errors: TpmdevError[] = [];
  readonly #closeTpm: () => Promise<void>;
  #output = '';
  /** Where the output begins that nobody waited for yet. */
  #position = 0;
  #check: (() => void) | undefined;

  private constructor(
    options: GuestMachineOptions,
    { backend, close }: Awaited<ReturnType<typeof openTpm>>,
  ) {
    const { image: _, tpm: __, parameters, initialState, wasmPath, ...attach } = options;
    this.backend = backend;
    this.#closeTpm = close;
    // The declarations of v86 lack some of the options that it has.
    this.emulator = new V86(emulatorOptions(options) as ConstructorParameters<typeof V86>[0]);
    this.emulator.add_listener('serial0-output-byte', (byte: number) => {
      this.#output += String.fromCharCode(byte);
      this.#check?.();
    });
    this.attachment = attachTpm(this.emulator, {
      model: 'tpm-tis',
      backend,
      onError: (error) => this.errors.push(error),
      ...attach,
    });
  }

  /** Starts a machine with a TPM that was never used, and waits for the TPM. */
  static async start(options: GuestMachineOptions): Promise<GuestMachine> {
    const machine = new GuestMachine(options, await openTpm(options.tpm));
    try {
      await machine.attachment.ready;
      await machine.attachment.settled();
    } catch (error) {
      await machine.close();
      throw error;
    }
    return machine;
  }

  /** Starts a machine and waits for the shell's prompt. @returns what the guest printed until then */
  static async boot(
    options: GuestMachineOptions,
  ): Promise<{ machine: GuestMachine; output: string }> {
    const machine = await GuestMachine.start(options);
    try {
      return { machine, output: await machine.prompt() };
    } catch (error) {
      await machine.close();
      throw error;
    }
  }

  /** Waits for the prompt after a boot. @returns what the guest printed until then */
  async prompt(): Promise<string> {
    const [output] = await this.until(
      new RegExp(`${GUEST_READY}\\r\\n[^]*?${GUEST_PROMPT}`),
      BOOT_TIME,
    );
    return output;
  }

  /**
   * Waits for something in the guest's output, after what was waited for before.
   *
   * @returns all output up to the end of the match, and the match
   */
  until(pattern: RegExp, limit: number): Promise<[output: string, match: RegExpExecArray]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#check = undefined;
        const shown = this.#output.slice(-SHOWN);
        reject(new Error(`No ${pattern} in the guest's output within ${limit} ms:\n${shown}`));
      }, limit);
      this.#check = () => {
        const news = this.#output.slice(this.#position);
        const match = pattern.exec(news);
        if (match === null) return;
        clearTimeout(timer);
        this.#check = undefined;
        const end = match.index + match[0].length;
        this.#position += end;
        resolve([news.slice(0, end), match]);
      };
      this.#check();
    });
  }

  /** Types something, and a new line. */
  type(text: string): void {
    this.emulator.serial0_send(`${text}\n`);
  }

  /** Runs a command in the guest's shell, which shows its prompt. */
  async run(command: string): Promise<CommandResult> {
    // The echo of the command has the same words, but not the numbers behind them.
    this.type(`echo run-begin:$((0)); { ${command}; } 2>&1; echo run-end:$?`);
    await this.until(/run-begin:0\r\n/, COMMAND_TIME);
    const [output, match] = await this.until(/run-end:(\d+)\r\n/, COMMAND_TIME);
    // What is typed ahead is echoed twice, by Linux and by the shell.
    await this.until(new RegExp(GUEST_PROMPT), COMMAND_TIME);
    const text = output.slice(0, output.length - match[0].length).replaceAll('\r', '');
    return { output: text.replace(/\n$/, ''), exitCode: Number(match[1]) };
  }

  /** Runs a command that has to succeed. @returns what it printed */
  async shell(command: string): Promise<string> {
    const { output, exitCode } = await this.run(command);
    if (exitCode === 0) return output;
    throw new Error(`"${command}" ended with exit code ${exitCode} in the guest:\n${output}`);
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await this.emulator.destroy();
    await this.attachment.detach();
    await this.#closeTpm();
  }
}
