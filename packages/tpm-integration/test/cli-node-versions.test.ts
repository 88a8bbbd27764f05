import { NODE_VERSIONS, requireNode } from '@tpmdev/workspace/node-versions';
import { afterEach, describe, expect, test } from 'vitest';
import { QtestTis, startCommand, tpmWords } from './support/cli.js';
import { startSwtpm } from './support/peers.js';
import type { QtestClient } from './support/qtest-client.js';
import { QtestCrb } from './support/qtest-crb.js';
import { Resources } from './support/resources.js';

const resources = new Resources();
afterEach(() => resources.release());

const STARTUP = '80010000000c000001440000';
const SUCCESS = '80010000000a00000000';

const DEVICES: readonly {
  readonly model: string;
  readonly transmit: (qtest: QtestClient) => Promise<string>;
}[] = [
  { model: 'tpm-tis', transmit: (qtest) => new QtestTis(qtest).transmit(STARTUP) },
  {
    model: 'tpm-crb',
    transmit: async (qtest) => {
      const response = await new QtestCrb(qtest).transmit(Buffer.from(STARTUP, 'hex'));
      return Buffer.from(response).toString('hex');
    },
  },
];

describe.each(DEVICES)('tpm-system-x86_64 with $model', ({ model, transmit }) => {
  test.each(NODE_VERSIONS)('serves a TPM on Node %s and ends in order', async (version) => {
    const node = requireNode(version);
    const swtpm = await startSwtpm(resources, '2.0');
    const words = ['-machine', 'q35', ...tpmWords(swtpm.controlPath, model)];
    const { qtest, monitor, program } = await startCommand(resources, 'x86_64', words, node);
    expect(await transmit(qtest)).toBe(SUCCESS);
    await monitor.exchange('{"execute":"qmp_capabilities"}');
    monitor.send('{"execute":"quit"}');
    expect(await program.exited).toMatch(/ended with 0: $/);
  });
});
