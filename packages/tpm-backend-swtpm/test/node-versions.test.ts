import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { requireSwtpm, startControlOnly, temporaryDirectory } from './swtpm-server.js';

const run = promisify(execFile);
const script = fileURLToPath(new URL('descriptor-passing.mjs', import.meta.url));
const started = '80010000000a00000000';

beforeAll(requireSwtpm);

/** Installs a release of Node from the npm registry. @returns its program */
async function installNode(version: string): Promise<string> {
  const directory = await temporaryDirectory();
  const name = `node-${process.platform}-${process.arch}`;
  const flags = ['--no-audit', '--no-fund', '--prefix', directory];
  await run('npm', ['install', ...flags, `${name}@${version}`]);
  return join(directory, 'node_modules', name, 'bin', 'node');
}

describe('connectSwtpm() passes a descriptor', () => {
  it.each(['20.20.2', '22.23.3', '24.21.0', '26.10.0'])('on Node %s', async (version) => {
    const program = await installNode(version);
    const control = await startControlOnly('2.0');
    const { stdout } = await run(program, [script, control]);
    expect(stdout.trim()).toBe(`v${version} 2.0 ${started}`);
  });

  it('on the Node that runs the tests', async () => {
    const control = await startControlOnly('2.0');
    const { stdout } = await run(process.execPath, [script, control]);
    expect(stdout.trim()).toBe(`${process.version} 2.0 ${started}`);
  });
});
