import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchSwtpm, type SwtpmBackend } from 'tpm-backend-swtpm';
import { readUint32, type TpmVersion } from 'tpm-core';
import { onTestFinished } from 'vitest';

/** Fails with the line that installs a program where it is missing. */
export function requireProgram(program: string, aptPackage: string): void {
  const { error } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  if (error === undefined) return;
  throw new Error(`These tests need ${program}; install it with: apt-get install ${aptPackage}`);
}

/** A directory that is gone when the test ends. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tpm-fwcfg-ppi-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A real TPM that tests speak to in hexadecimal. */
export class RealTpm {
  readonly backend: SwtpmBackend;

  private constructor(backend: SwtpmBackend) {
    this.backend = backend;
  }

  /** A new TPM; it is gone when the test ends. */
  static async launch(tpmVersion: TpmVersion): Promise<RealTpm> {
    const backend = await launchSwtpm({ stateDirectory: await temporaryDirectory(), tpmVersion });
    onTestFinished(() => backend.close());
    const tpm = new RealTpm(backend);
    await tpm.powerCycle();
    return tpm;
  }

  /** What a front end's reset does; the TPM waits for Startup then. */
  async powerCycle(): Promise<void> {
    await this.backend.reset();
    await this.backend.start({ bufferSize: await this.backend.bufferSize() });
  }

  /** @returns response code and what follows it, of a command whose size field is put right */
  async run(hex: string): Promise<{ code: number; body: Uint8Array }> {
    const command = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
    new DataView(command.buffer).setUint32(2, command.length);
    const { response, failed } = await this.backend.execute({
      command,
      locality: 0,
      responseCapacity: 4096,
    });
    if (failed) throw new Error('swtpm does not answer');
    return { code: readUint32(response, 6), body: response.slice(10) };
  }

  /** @returns what follows the response header of a command that must succeed */
  async succeed(hex: string): Promise<Uint8Array> {
    const { code, body } = await this.run(hex);
    if (code !== 0) throw new Error(`TPM command ${hex}: response code 0x${code.toString(16)}`);
    return body;
  }
}
