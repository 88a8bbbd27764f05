import { defineConfig } from 'vitest/config';

// The long run: `pnpm run fuzz`, with TPMDEV_COMMANDS and TPMDEV_SEED.
export default defineConfig({ test: { include: ['test/fuzz/*.fuzz.ts'] } });
