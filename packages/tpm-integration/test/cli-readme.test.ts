import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { installAsQemu } from './support/cli.js';
import { until } from './support/peers.js';
import { Resources } from './support/resources.js';

const resources = new Resources();
afterEach(() => resources.release());

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** @returns the code blocks of the README in a language */
function blocks(language: string): string[] {
  const readme = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
  return [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(
    ([, code]) => code ?? '',
  );
}

test('the README example of the option grammar prints what its comment says', () => {
  const [code] = blocks('ts');
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', code!], {
    cwd: PACKAGE,
    encoding: 'utf8',
  });
  expect(printed).toBe('pc-q35-7.2\n');
});

test('the README example of the command line shows the TPM that it says', async () => {
  const [, script] = blocks('sh');
  const [shown] = blocks('text');
  const directory = await resources.directory();
  const [prepare, ...rest] = script!.replaceAll('/tmp/vm', directory).trimEnd().split('&\n');
  expect(prepare).toMatch(/^mkdir -p/);
  await mkdir(join(directory, 'state'));
  const swtpm = prepare!.split('\n')[1]!.trim().split(' ');
  await resources.start(swtpm[0]!, swtpm.slice(1));
  await until(() => existsSync(join(directory, 'swtpm')), 'the socket of swtpm');
  const words = rest.join('').replaceAll('\\\n', ' ').trim().split(/ +/);
  expect(words.slice(0, 2)).toEqual(['npx', 'tpm-system-x86_64']);
  const output = execFileSync(await installAsQemu(resources, 'x86_64'), words.slice(2), {
    input: 'info tpm\nquit\n',
    encoding: 'utf8',
  });
  const answer = shown!.split('\n').slice(1, 4).join('\r\n');
  expect(output).toContain(`\r\n${answer}\r\n`);
});
