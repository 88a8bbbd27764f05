import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { requireSwtpm, temporaryDirectory } from './swtpm-server.js';

beforeAll(requireSwtpm);

describe('README', () => {
  it('the example runs and prints what its comment says', async () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const example = /```js\n(.*?)```/s.exec(readme)?.[1] ?? '';
    const expected = /\/\/ ([0-9a-f]{20})/.exec(example)?.[1];
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', example],
      {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        env: { ...process.env, TMPDIR: await temporaryDirectory() },
      },
    );
    expect(stderr).toBe('');
    expect(stdout.trim()).toBe(expected);
  });
});
