import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { type BackendEvent, readUint32 } from 'tpm-core';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { INFO_FLAG } from '../src/control-codes.js';
import { type LaunchSwtpmOptions, launchSwtpm } from '../src/launch.js';
import type { SwtpmBackend } from '../src/swtpm-backend.js';
import { boot, commands, createPrimary, execute, FAILURE, families } from './live-commands.js';
import { fromHex } from './scripted-swtpm.js';
import { eventually, isAlive, requireSwtpm, temporaryDirectory } from './swtpm-server.js';

beforeAll(requireSwtpm);

/** A running swtpm of ours; ended with the test. */
async function launch(options: Partial<LaunchSwtpmOptions> = {}): Promise<SwtpmBackend> {
  const stateDirectory = options.stateDirectory ?? (await temporaryDirectory());
  const backend = await launchSwtpm({ tpmVersion: '2.0', ...options, stateDirectory });
  onTestFinished(() => backend.close());
  return backend;
}

describe.each(families)('launchSwtpm() with a TPM %s', (tpmVersion) => {
  const { extend, read, readDrtm, drtm } = commands[tpmVersion];

  it('serves commands and ends its child on close', async () => {
    const backend = await launch({ tpmVersion });
    expect(backend.tpmVersion).toBe(tpmVersion);
    expect(backend.migrationBlocker()).toBeUndefined();
    await boot(backend);
    expect(readUint32(fromHex(await execute(backend, read)), 6)).toBe(0);
    expect(JSON.parse(await backend.control.getInfo(INFO_FLAG.specification))).toMatchObject({
      TPMSpecification: { family: tpmVersion },
    });
    await backend.close();
    expect(isAlive(backend.pid!)).toBe(false);
  });

  it('makes a missing state directory for this user only', async () => {
    const stateDirectory = join(await temporaryDirectory(), 'new', 'state');
    await boot(await launch({ tpmVersion, stateDirectory }));
    expect(statSync(stateDirectory).mode & 0o777).toBe(0o700);
  });

  it('keeps PCR values across snapshot, another process and restore, without Startup', async () => {
    const source = await launch({ tpmVersion });
    await boot(source);
    await execute(source, extend);
    const before = await execute(source, read);
    const snapshot = await source.snapshot();
    await execute(source, extend);
    expect(await execute(source, read)).not.toBe(before);
    const target = await launch({ tpmVersion });
    await target.start({ bufferSize: 4096, deferred: true });
    await target.restore(snapshot);
    expect(await execute(target, read)).toBe(before);
    await source.restore(snapshot);
    expect(await execute(source, read)).toBe(before);
    await source.continueAfterSnapshot();
    expect(await source.start({ bufferSize: 4096 })).toBe(4096);
    expect(readUint32(fromHex(await execute(source, read)), 6)).not.toBe(0);
  });

  it('refuses a damaged state and runs no TPM after it, until a good one comes', async () => {
    const backend = await launch({ tpmVersion });
    await boot(backend);
    const before = await execute(backend, read);
    const snapshot = await backend.snapshot();
    const bytes = snapshot.permanent.bytes.slice();
    bytes[200]! ^= 0xff;
    const damaged = { ...snapshot, permanent: { ...snapshot.permanent, bytes } };
    await expect(backend.restore(damaged)).rejects.toMatchObject({ code: 'ERR_STATE_REFUSED' });
    expect(await execute(backend, read)).toBe(FAILURE);
    await expect(backend.start({ bufferSize: 0 })).rejects.toMatchObject({
      code: 'ERR_STATE_REFUSED',
    });
    await backend.restore(snapshot);
    expect(await execute(backend, read)).toBe(before);
  });

  it('extends the DRTM PCR and sets the established flag by a hash sequence', async () => {
    const backend = await launch({ tpmVersion });
    await boot(backend);
    await backend.control.hashStart();
    await backend.control.hashData(new TextEncoder().encode('1234'));
    await backend.control.hashEnd();
    expect(await execute(backend, readDrtm)).toContain(drtm);
    expect(backend.established).toBe(false);
    await boot(backend);
    expect(backend.established).toBe(true);
    await execute(backend, read, 3);
    await backend.resetEstablished(3);
    expect(backend.established).toBe(tpmVersion === '1.2');
  });

  it('answers any command with a well-formed response', async () => {
    const backend = await launch({ tpmVersion });
    await boot(backend);
    const header = fc.constantFrom('8001', '8002', '00c1', '00c2', '0000');
    const command = fc.oneof(
      fc.uint8Array({ maxLength: 4200 }),
      fc
        .tuple(header, fc.nat(0x1ff), fc.uint8Array({ maxLength: 600 }))
        .map(([tag, code, body]) => {
          const bytes = Uint8Array.of(...fromHex(tag), 0, 0, 0, 0, 0, 0, 0, 0, ...body);
          new DataView(bytes.buffer).setUint32(2, bytes.length);
          new DataView(bytes.buffer).setUint32(6, code);
          return bytes;
        }),
    );
    const locality = fc.constantFrom(0, 1, 2, 3, 4) as fc.Arbitrary<0 | 1 | 2 | 3 | 4>;
    await fc.assert(
      fc.asyncProperty(command, locality, async (bytes, at) => {
        const request = { command: bytes, locality: at, responseCapacity: 4096 };
        const { response } = await backend.execute(request);
        expect(readUint32(response, 2)).toBe(response.length);
      }),
      { numRuns: 300 },
    );
    expect(await backend.control.getConfig()).toBe(0);
  });
});

describe('launchSwtpm()', () => {
  it('says how to install swtpm where it is missing', async () => {
    const missing = launch({ executable: 'no-such-swtpm' });
    await expect(missing).rejects.toMatchObject({ code: 'ERR_SWTPM_NOT_FOUND' });
    await expect(missing).rejects.toThrow('apt-get install swtpm');
  });

  it('gives the last words of an swtpm that ends at once', async () => {
    const broken = launch({ key: { file: '/no/such/key' } });
    await expect(broken).rejects.toMatchObject({ code: 'ERR_SWTPM_EXITED' });
    await expect(broken).rejects.toThrow('exit code 1: swtpm: Unable to open file /no/such/key');
  });

  it.each([['a,b'], ['']])("refuses the state directory '%s'", async (stateDirectory) => {
    await expect(launch({ stateDirectory })).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  it('passes start flags on', async () => {
    const backend = await launch({ flags: ['startup-clear'] });
    expect(readUint32(fromHex(await execute(backend, commands['2.0'].read)), 6)).toBe(0);
  });

  it('passes log file, locality option and passphrase on', async () => {
    const directory = await temporaryDirectory();
    const [file, passphraseFile] = [join(directory, 'log'), join(directory, 'phrase')];
    writeFileSync(passphraseFile, 'not secret');
    const events: BackendEvent[] = [];
    const backend = await launch({
      log: { file, level: 5 },
      rejectLocality4: true,
      key: { passphraseFile, mode: 'aes-256-cbc' },
      onEvent: (event) => events.push(event),
    });
    await boot(backend);
    expect(await backend.control.getConfig()).toBe(1);
    expect(existsSync(file)).toBe(true);
    const command = fromHex(commands['2.0'].read);
    await backend.execute({ command, locality: 4, responseCapacity: 4096 });
    expect(events.map(({ error }) => error.message)).toEqual([
      'swtpm refused SET_LOCALITY 4: result 0x3d (bad locality)',
    ]);
  });

  it('refuses to start a TPM whose state another process holds', async () => {
    const stateDirectory = await temporaryDirectory();
    await boot(await launch({ stateDirectory }));
    const second = await launch({ stateDirectory });
    const started = second.start({ bufferSize: 4096 });
    await expect(started).rejects.toMatchObject({ resultCode: 9 });
    await expect(started).rejects.toThrow('no other swtpm uses it');
  });

  it('encrypts the state directory with a key file and snapshots with a migration key', async () => {
    const directory = await temporaryDirectory();
    const [file, other] = [join(directory, 'key'), join(directory, 'other')];
    writeFileSync(file, '00112233445566778899aabbccddeeff');
    writeFileSync(other, 'ffeeddccbbaa99887766554433221100');
    const stateDirectory = join(directory, 'state');
    const first = await launch({ stateDirectory, key: { file }, migrationKey: { file: other } });
    await boot(first);
    expect(await first.control.getConfig()).toBe(3);
    const snapshot = await first.snapshot();
    await first.close();
    const keyless = await launch({ stateDirectory });
    await expect(keyless.start({ bufferSize: 4096 })).rejects.toMatchObject({
      code: 'ERR_CONTROL_REFUSED',
    });
    await expect(keyless.restore(snapshot)).rejects.toMatchObject({ resultCode: 0x0d });
    await keyless.close();
    const again = await launch({ stateDirectory, key: { file }, migrationKey: { file: other } });
    await again.restore(snapshot);
    expect(readUint32(fromHex(await execute(again, commands['2.0'].read)), 6)).toBe(0);
  });

  it('answers a command in flight once when swtpm is killed, and says how it ended', async () => {
    const events: BackendEvent[] = [];
    const backend = await launch({ onEvent: (event) => events.push(event) });
    await boot(backend);
    const answered = execute(backend, createPrimary);
    await delay(5);
    process.kill(backend.pid!, 'SIGKILL');
    expect(await answered).toBe(FAILURE);
    expect(await execute(backend, commands['2.0'].read)).toBe(FAILURE);
    expect(events.map(({ type, error }) => `${type}: ${error.message}`)).toEqual([
      'command-failed: swtpm ended by signal SIGKILL',
      'lost: swtpm ended by signal SIGKILL',
      'command-failed: swtpm ended by signal SIGKILL',
    ]);
    await expect(backend.start({ bufferSize: 4096 })).rejects.toMatchObject({
      code: 'ERR_SWTPM_EXITED',
    });
  });

  it('cancels without harm while a key is made', async () => {
    const events: BackendEvent[] = [];
    const backend = await launch({ onEvent: (event) => events.push(event) });
    await boot(backend);
    const answered = execute(backend, createPrimary);
    await delay(5);
    for (let count = 0; count < 100; count++) backend.cancel();
    expect(readUint32(fromHex(await answered), 6)).toBe(0);
    expect(readUint32(fromHex(await execute(backend, commands['2.0'].read)), 6)).toBe(0);
    expect(events).toEqual([]);
  });

  it('lets no guest choose its locality by the TCG prefix', async () => {
    const backend = await launch();
    await boot(backend);
    const extendDrtm = commands['2.0'].extend.replace('00000010000000', '00000011000000');
    const refused = '80010000000a00000907';
    expect(await execute(backend, extendDrtm)).toBe(refused);
    const prefix = '00000008' + '04' + '0000000a';
    expect(await execute(backend, `${prefix}80010000000a00000181`)).toBe(FAILURE);
    expect(await execute(backend, extendDrtm)).toBe(refused);
    expect(await execute(backend, extendDrtm, 3)).toContain('80020000001300000000');
  });

  it('ends an swtpm that hangs', async () => {
    const backend = await launch({ timeLimits: { answer: 1000, close: 1000 } });
    await boot(backend);
    process.kill(backend.pid!, 'SIGSTOP');
    await expect(backend.snapshot()).rejects.toMatchObject({ code: 'ERR_CONTROL_TIMEOUT' });
    await backend.close();
    expect(isAlive(backend.pid!)).toBe(false);
  });

  it('leaves no swtpm behind when its own process is killed', async () => {
    const stateDirectory = await temporaryDirectory();
    const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url));
    const program = `
      import { launchSwtpm } from ${JSON.stringify(entry)};
      const backend = await launchSwtpm({ stateDirectory: process.argv[1], tpmVersion: '2.0' });
      await backend.start({ bufferSize: 4096 });
      console.log(backend.pid);`;
    const parent = execFile(process.execPath, [
      '--input-type=module',
      '-e',
      program,
      stateDirectory,
    ]);
    const [line] = await once(parent.stdout!, 'data');
    const pid = Number.parseInt(line, 10);
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await eventually(() => !isAlive(pid), 'the end of swtpm');
  });
});
