import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { readUint32, type TpmVersion } from 'tpm-core';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './swtpm.js';

const RAM_SIZE = 256 * 2 ** 20;
/** SeaBIOS puts ACPI tables and the log area into the last part of RAM. */
const SEARCHED = 2 ** 20;
const TIS = 0xfed4_0000;
const ACCESS = TIS;
const STS = TIS + 0x18;
const DATA_FIFO = TIS + 0x24;

/** Starts a program that ends with the test; a missing one fails with the line that installs it. */
async function start(program: string, list: string[], aptPackage: string): Promise<ChildProcess> {
  const child = spawn(program, list, { stdio: 'ignore' });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new Error(`${program} does not start; install it with: apt-get install ${aptPackage}`, {
      cause,
    });
  }
  const gone = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  return child;
}

async function eventually(holds: () => boolean, what: string): Promise<void> {
  for (let attempt = 0; attempt < 1200; attempt++) {
    if (holds()) return;
    await delay(50);
  }
  throw new Error(`Waited 60 s in vain for ${what}`);
}

/** A PC on which SeaBIOS has run until it found nothing to boot. */
export class BootedPc {
  readonly #qtest: Socket;
  readonly #answers: AsyncIterator<string>;

  private constructor(qtest: Socket) {
    this.#qtest = qtest;
    this.#answers = createInterface({ input: qtest })[Symbol.asyncIterator]();
  }

  /** Boots QEMU (TCG) with tpm-tis and swtpm. Everything is ended with the test. */
  static async boot(tpmVersion: TpmVersion): Promise<BootedPc> {
    const directory = await temporaryDirectory();
    const path = (name: string): string => join(directory, name);
    const family = tpmVersion === '2.0' ? ['--tpm2'] : [];
    const control = ['--ctrl', `type=unixio,path=${path('control')}`];
    const state = ['--tpmstate', `dir=${directory}`];
    await start('swtpm', ['socket', ...family, ...state, ...control], 'swtpm');
    await eventually(() => existsSync(path('control')), "swtpm's control socket");
    const server = createServer().listen(path('qtest'));
    await once(server, 'listening');
    const connected = once(server, 'connection');
    await start(
      'qemu-system-x86_64',
      [
        ...['-machine', 'q35', '-accel', 'tcg', '-m', String(RAM_SIZE / 2 ** 20)],
        ...['-nodefaults', '-display', 'none', '-qtest-log', '/dev/null'],
        ...['-qtest', `unix:${path('qtest')}`, '-chardev', `socket,id=tpm,path=${path('control')}`],
        ...['-tpmdev', 'emulator,id=tpm0,chardev=tpm', '-device', 'tpm-tis,tpmdev=tpm0'],
        ...['-chardev', `file,id=bios,path=${path('bios')}`],
        ...['-device', 'isa-debugcon,iobase=0x402,chardev=bios'],
      ],
      'qemu-system-x86',
    );
    const [socket] = (await connected) as [Socket];
    server.close();
    onTestFinished(() => {
      socket.destroy();
    });
    const finished = () => readFileSync(path('bios'), 'latin1').includes('No bootable device');
    await eventually(() => existsSync(path('bios')) && finished(), 'SeaBIOS');
    return new BootedPc(socket);
  }

  async #ask(request: string): Promise<string> {
    this.#qtest.write(`${request}\n`);
    const { value } = await this.#answers.next();
    if (typeof value !== 'string' || !value.startsWith('OK')) {
      throw new Error(`qtest: ${request}: ${String(value)}`);
    }
    return value.slice(3);
  }

  /** Bytes of guest-physical memory. */
  async memory(address: number, length: number): Promise<Uint8Array> {
    const hex = await this.#ask(`read 0x${address.toString(16)} 0x${length.toString(16)}`);
    return Uint8Array.from(Buffer.from(hex.slice(2), 'hex'));
  }

  /** The log area that the table in guest memory points at: LAML bytes at LASA. */
  async logArea(): Promise<Uint8Array> {
    const base = RAM_SIZE - SEARCHED;
    const ram = Buffer.from(await this.memory(base, SEARCHED));
    for (const [signature, length, field] of [
      ['TPM2', 76, 0x40],
      ['TCPA', 50, 0x26],
    ] as const) {
      for (let at = ram.indexOf(signature); at >= 0; at = ram.indexOf(signature, at + 1)) {
        const table = ram.subarray(at, at + length);
        const sum = table.reduce((total, byte) => total + byte, 0);
        if (table.length < length || table.readUInt32LE(4) !== length || sum % 256 !== 0) continue;
        const address = Number(table.readBigUInt64LE(field + 4));
        return await this.memory(address, table.readUInt32LE(field));
      }
    }
    throw new Error('There is no TPM2 or TCPA table in guest memory');
  }

  async #byte(address: number): Promise<number> {
    return Number(await this.#ask(`readb 0x${address.toString(16)}`));
  }

  async #writeByte(address: number, value: number): Promise<void> {
    await this.#ask(`writeb 0x${address.toString(16)} 0x${value.toString(16)}`);
  }

  async #untilStatus(mask: number): Promise<void> {
    for (let attempt = 0; attempt < 2000; attempt++) {
      if (((await this.#byte(STS)) & mask) === mask) return;
      await delay(1);
    }
    throw new Error(`TPM_STS does not get 0x${mask.toString(16)}`);
  }

  /** Has the machine's TPM execute a command, through its TIS registers. */
  async execute(command: Uint8Array): Promise<Uint8Array> {
    await this.#writeByte(ACCESS, 0x02);
    await this.#writeByte(STS, 0x40);
    await this.#untilStatus(0x40);
    for (const byte of command) await this.#writeByte(DATA_FIFO, byte);
    await this.#writeByte(STS, 0x20);
    await this.#untilStatus(0x90);
    const response: number[] = [];
    const length = () => (response.length < 6 ? 6 : readUint32(Uint8Array.from(response), 2));
    while (response.length < length()) response.push(await this.#byte(DATA_FIFO));
    await this.#writeByte(STS, 0x40);
    await this.#writeByte(ACCESS, 0x20);
    return Uint8Array.from(response);
  }
}
