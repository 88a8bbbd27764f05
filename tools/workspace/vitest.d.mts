import type { UserConfigExport } from 'vitest/config';

/**
 * The hermetic suite (`src/**.test.ts`) of every package, with `PEERS=1` the suite that talks to
 * real peers (`test/**.test.ts`), and under `test-runtimes` the hermetic suite on another runtime,
 * in a browser less `*.node.test.ts`. The JSON report is what the closing line of the run counts.
 */
export function packageTests(): UserConfigExport;
