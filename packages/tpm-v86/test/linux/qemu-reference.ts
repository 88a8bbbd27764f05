import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { GuestImage } from '@tpmdev/guest';
import { PROOF_END, type TpmProof } from '@tpmdev/guest/proof';
import { readProof } from './guest-facts.js';
import { BOOT_TIME, PROOF_PARAMETERS } from './guest-machine.js';

/** A program that is gone when the reference run ends. */
class Peer {
  readonly process: ChildProcess;
  readonly #gone: Promise<unknown>;
  #error = '';

  private constructor(process: ChildProcess) {
    this.process = process;
    this.#gone = once(process, 'close');
    process.stderr?.on('data', (chunk: Buffer) => {
      this.#error += chunk.toString();
    });
  }

  static async start(program: string, words: string[], aptPackage: string): Promise<Peer> {
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      await once(child, 'spawn');
    } catch (cause) {
      throw new Error(`${program} does not start; install it: apt-get install ${aptPackage}`, {
        cause,
      });
    }
    return new Peer(child);
  }

  /** Throws when the program has ended. */
  check(): void {
    const { exitCode, spawnfile } = this.process;
    if (exitCode !== null) throw new Error(`${spawnfile} ended (${exitCode}): ${this.#error}`);
  }

  async end(): Promise<void> {
    this.process.kill('SIGTERM');
    await this.#gone;
  }
}

async function eventually(holds: () => boolean, peer: Peer, what: string): Promise<void> {
  const deadline = performance.now() + BOOT_TIME;
  while (!holds()) {
    peer.check();
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}`);
    await delay(50);
  }
}

/** Boots a guest image in QEMU with tpm-tis and swtpm. @returns what the guest says about its TPM */
export async function qemuProof(image: GuestImage): Promise<TpmProof> {
  const folder = mkdtempSync(join(tmpdir(), 'tpm-v86-qemu-'));
  const control = join(folder, 'control');
  const append = `${image.commandLine} ${PROOF_PARAMETERS}`;
  const peers: Peer[] = [];
  try {
    const state = ['--tpmstate', `dir=${folder}`, '--ctrl', `type=unixio,path=${control}`];
    const swtpm = await Peer.start('swtpm', ['socket', '--tpm2', ...state], 'swtpm');
    peers.push(swtpm);
    await eventually(() => existsSync(control), swtpm, "swtpm's control socket");
    const qemu = await Peer.start(
      'qemu-system-x86_64',
      [
        ...['-machine', 'pc', '-accel', 'tcg', '-m', '256', '-bios', image.bios, '-no-reboot'],
        ...['-nodefaults', '-display', 'none', '-serial', 'stdio'],
        ...['-kernel', image.kernel!, '-initrd', image.initrd!, '-append', append],
        ...['-chardev', `socket,id=chrtpm,path=${control}`],
        ...['-tpmdev', 'emulator,id=tpm0,chardev=chrtpm', '-device', 'tpm-tis,tpmdev=tpm0'],
      ],
      'qemu-system-x86',
    );
    peers.push(qemu);
    let output = '';
    qemu.process.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
    });
    await eventually(() => output.includes(`${PROOF_END}\r\n`), qemu, 'the proof of the guest');
    return readProof(output);
  } finally {
    for (const peer of peers.reverse()) await peer.end();
    rmSync(folder, { recursive: true, force: true });
  }
}
