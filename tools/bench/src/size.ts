import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import type { Figure } from './measure.ts';

async function bundledSize(entry: string, external: string[]): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    external,
    write: false,
  });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

/** What the TPM in this process costs a page: minified and compressed. */
export async function sizeFigures(entry: string): Promise<Figure[]> {
  const own = await bundledSize(entry, ['@noble/*', 'tpm-core']);
  const all = await bundledSize(entry, []);
  const unit = 'KB';
  return [
    { name: 'tpm-backend-embedded, gzip, its own code', value: own / 1000, unit, aim: '≤ 60' },
    { name: 'tpm-backend-embedded, gzip, with dependencies', value: all / 1000, unit },
  ];
}
