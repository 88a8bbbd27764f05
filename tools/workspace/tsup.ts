import { defineConfig } from 'tsup';

/** The build of every package: ESM with declarations, one output file per entry point. */
export function packageBuild(
  entry: Record<string, string> = { index: 'src/index.ts' },
): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    dts: true,
    clean: true,
    sourcemap: true,
    treeshake: true,
  });
}
