import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NODE_VERSIONS, requireNode } from '@tpmdev/workspace/node-versions';
import { beforeAll, describe, expect, it } from 'vitest';
import { requireSwtpm, startControlOnly } from './swtpm-server.js';

const run = promisify(execFile);
const script = fileURLToPath(new URL('descriptor-passing.mjs', import.meta.url));
const started = '80010000000a00000000';

beforeAll(requireSwtpm);

describe('connectSwtpm() passes a descriptor', () => {
  it.each(NODE_VERSIONS)('on Node %s', async (version) => {
    const program = requireNode(version);
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
