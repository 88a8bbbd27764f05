// JavaScript, since the vitest of an older Node loads it as well.

/**
 * Runs in the Chromium of the system and downloads none.
 * @param {string} executablePath
 */
async function browserRun(executablePath) {
  const { playwright } = await import('@vitest/browser-playwright');
  return {
    enabled: true,
    headless: true,
    ui: false,
    screenshotFailures: false,
    provider: playwright({ launchOptions: { executablePath } }),
    instances: [{ browser: 'chromium' }],
  };
}

export async function packageTests() {
  const { PEERS, TPMDEV_RUNTIME: runtime, TPMDEV_CHROMIUM: chromium, TPMDEV_SEED } = process.env;
  const peers = PEERS === '1';
  const suite = peers ? 'test-peers' : runtime === undefined ? 'test' : `test-${runtime}`;
  const isBrowser = runtime === 'chromium';
  return {
    test: {
      include: [peers ? 'test/**/*.test.ts' : 'src/**/*.test.ts'],
      exclude: ['**/node_modules/**', ...(isBrowser ? ['**/*.node.test.ts'] : [])],
      passWithNoTests: false,
      includeTaskLocation: true,
      reporters: ['default', 'json'],
      outputFile: { json: `reports/${suite}.json` },
      testTimeout: suite === 'test' ? 30_000 : 120_000,
      fileParallelism: !peers,
      ...(isBrowser && {
        browser: await browserRun(chromium ?? ''),
      }),
    },
    ...(isBrowser && {
      define: { 'process.env.TPMDEV_SEED': JSON.stringify(TPMDEV_SEED) ?? 'undefined' },
    }),
  };
}
