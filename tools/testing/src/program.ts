import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Makes one file of a module and all that it imports, which every Node that the packages support
 * can run. The process is then what the test was built from, never an old build.
 *
 * @param source text of the module, TypeScript; relative imports start at `from`
 * @param from directory, with a final slash
 * @param path where the program is written; its name ends in `.mjs`
 */
export async function buildProgram(source: string, from: URL, path: string): Promise<void> {
  await build({
    stdin: { contents: source, resolveDir: fileURLToPath(from), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile: path,
    logLevel: 'silent',
  });
}
