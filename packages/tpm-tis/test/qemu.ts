import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { TpmVersion } from 'tpm-core';

/** A machine of the real QEMU with a TIS device. */
export interface QemuMachine {
  readonly program: string;
  readonly machine: string;
  readonly device: string;
  /** Interrupt controller whose inputs are observed, and the input of the TPM. */
  readonly interrupt?: { readonly controller: string; readonly input: number };
}

/** Starts a program; a missing one fails with the line that installs it. */
async function start(
  program: string,
  args: readonly string[],
  install: string,
): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new Error(`${program} does not start, install it with: sudo apt-get install ${install}`, {
      cause,
    });
  }
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Waits for lines, one at a time, in order. */
class Lines {
  readonly #queue: string[] = [];
  #wake: (() => void) | undefined;

  push(line: string): void {
    this.#queue.push(line);
    this.#wake?.();
  }

  async next(): Promise<string> {
    while (this.#queue.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#queue.shift()!;
  }
}

/** A QEMU whose bus is driven through the qtest protocol, with a swtpm behind its TPM. */
export class Qemu {
  /** Level of the observed interrupt input. */
  line = false;
  readonly #directory = mkdtempSync(join(tmpdir(), 'tpm-tis-'));
  readonly #children: ChildProcess[] = [];
  readonly #answers = new Lines();
  readonly #monitor = new Lines();
  #qtest: Socket | undefined;
  #qemu: ChildProcess | undefined;
  #input: number | undefined;

  /** Starts swtpm and QEMU; {@link stop} has to follow, whatever happens. */
  async start(machine: QemuMachine, tpmVersion: TpmVersion): Promise<void> {
    const control = join(this.#directory, 'control');
    const family = tpmVersion === '2.0' ? ['--tpm2'] : [];
    this.#children.push(
      await start(
        'swtpm',
        [
          'socket',
          ...family,
          '--tpmstate',
          `dir=${this.#directory}`,
          '--ctrl',
          `type=unixio,path=${control}`,
        ],
        'swtpm',
      ),
    );
    for (let tries = 0; !existsSync(control); tries++) {
      if (tries === 500) throw new Error('swtpm does not open its control channel');
      await delay(10);
    }
    await this.#startQemu(machine, control);
    if (machine.interrupt !== undefined) {
      this.#input = machine.interrupt.input;
      await this.#ask(`irq_intercept_in ${machine.interrupt.controller}`);
    }
  }

  async #startQemu(machine: QemuMachine, control: string): Promise<void> {
    const path = join(this.#directory, 'qtest');
    const server = createServer().listen(path);
    await once(server, 'listening');
    const qemu = await start(
      machine.program,
      [
        ...['-machine', machine.machine, '-S', '-m', '64'],
        ...['-display', 'none', '-nodefaults', '-qtest', `unix:${path}`, '-qtest-log', '/dev/null'],
        ...['-chardev', `socket,id=swtpm,path=${control}`],
        ...['-tpmdev', 'emulator,id=tpm0,chardev=swtpm'],
        ...['-device', `${machine.device},tpmdev=tpm0`, '-qmp', 'stdio'],
      ],
      'qemu-system-x86 qemu-system-arm',
    );
    this.#qemu = qemu;
    this.#children.push(qemu);
    createInterface({ input: qemu.stdout! }).on('line', (line) => this.#monitor.push(line));
    let complaint = '';
    qemu.stderr!.on('data', (text) => {
      complaint += String(text);
    });
    const ended = once(qemu, 'exit').then(() => {
      throw new Error(`QEMU ended: ${complaint}`);
    });
    const [socket] = await Promise.race([once(server, 'connection'), ended]);
    ended.catch(() => undefined);
    server.close();
    this.#qtest = socket as Socket;
    createInterface({ input: this.#qtest }).on('line', (line) => this.#receive(line));
    await this.#tell('qmp_capabilities', (line) => line.includes('"return"'));
  }

  #receive(line: string): void {
    const event = /^IRQ (raise|lower) (\d+)$/.exec(line);
    if (event === null) this.#answers.push(line);
    else if (Number(event[2]) === this.#input) this.line = event[1] === 'raise';
  }

  async #ask(request: string): Promise<string> {
    this.#qtest!.write(`${request}\n`);
    const answer = await this.#answers.next();
    if (!answer.startsWith('OK')) throw new Error(`qtest: ${request}: ${answer}`);
    return answer;
  }

  async #tell(execute: string, isDone: (line: string) => boolean): Promise<void> {
    this.#qemu!.stdin!.write(`${JSON.stringify({ execute })}\n`);
    while (!isDone(await this.#monitor.next()));
  }

  /** Reads 1, 2 or 4 bytes of the machine's address space. */
  async read(address: number, width: number): Promise<number> {
    const answer = await this.#ask(`read${'?bw?l'[width]} 0x${address.toString(16)}`);
    return Number(answer.slice(3));
  }

  /** Writes 1, 2 or 4 bytes of the machine's address space. */
  async write(address: number, width: number, value: number): Promise<void> {
    const name = `write${'?bw?l'[width]}`;
    await this.#ask(`${name} 0x${address.toString(16)} 0x${value.toString(16)}`);
  }

  /** Resets the machine. */
  async reset(): Promise<void> {
    await this.#tell('system_reset', (line) => line.includes('"RESET"'));
  }

  /** Ends both programs and removes their files. */
  async stop(): Promise<void> {
    this.#qtest?.destroy();
    for (const child of this.#children.reverse()) await stop(child);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
