import { defineConfig } from 'vitest/config';

/**
 * The hermetic suite (`src/**.test.ts`) of every package and, with `PEERS=1`, the suite that talks
 * to real peers (`test/**.test.ts`). The JSON report is what the closing line of the run counts.
 */
export function packageTests(): ReturnType<typeof defineConfig> {
  const peers = process.env.PEERS === '1';
  return defineConfig({
    test: {
      include: [peers ? 'test/**/*.test.ts' : 'src/**/*.test.ts'],
      passWithNoTests: false,
      reporters: ['default', 'json'],
      outputFile: { json: peers ? 'reports/test-peers.json' : 'reports/test.json' },
      testTimeout: peers ? 120_000 : 30_000,
      fileParallelism: !peers,
    },
  });
}
