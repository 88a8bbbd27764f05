import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PolicyBench } from './policy-bench.js';
import { OWNER_CASES } from './policy-owner-cases.js';
import { ROLE_CASES } from './policy-role-cases.js';
import { USE_CASES } from './policy-use-cases.js';
import { SessionClient } from './session-client.js';
import { SwtpmPeer } from './swtpm-peer.js';

const STARTUP = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0);

// The codes that the hermetic test of the embedded TPM expects, from swtpm.
describe('policies of swtpm', () => {
  let swtpm: SwtpmPeer;
  let bench: PolicyBench;

  beforeAll(async () => {
    swtpm = await SwtpmPeer.launch();
    await swtpm.init();
    const client = new SessionClient((command) => swtpm.execute(command.slice(), 0));
    expect(await client.raw(STARTUP)).toBe(0);
    const wait = (milliseconds: number): Promise<void> =>
      new Promise((resolve) => setTimeout(resolve, milliseconds));
    bench = new PolicyBench(client, wait);
  });

  afterAll(() => swtpm.close());

  it.each([...USE_CASES, ...OWNER_CASES, ...ROLE_CASES])(
    'swtpm gives the codes that are expected for %s',
    async (_name, codes, run) => {
      expect((await run(bench)).map(hex)).toEqual(codes.map(hex));
    },
  );
});

function hex(code: number): string {
  return `0x${code.toString(16)}`;
}
