import { TpmdevError } from 'tpm-core';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../test/support/peers.js';
import { Resources } from '../../test/support/resources.js';
import { ScriptedBackend } from '../../test/support/scripted-backend.js';
import { SimulatorClient } from '../../test/support/simulator-client.js';
import { serve } from './serve.js';

const resources = new Resources();
afterEach(() => resources.release());

/** Serves a scripted back end as the command line does. */
function begin(backend: ScriptedBackend) {
  const lines: string[] = [];
  const calls: string[] = [];
  const kind = {
    name: 'scripted',
    text: '',
    open: async ({
      state,
      onEvent,
    }: {
      state: string | undefined;
      onEvent: ScriptedBackend['onEvent'];
    }) => {
      calls.push(`open ${state}`);
      backend.onEvent = onEvent;
      return { backend, close: async () => void calls.push('close') };
    },
  };
  const host = {
    print: (line: string) => void lines.push(line),
    report: (message: string) => void lines.push(`! ${message}`),
  };
  const ended = serve({ kind, port: 0, host: '127.0.0.1', state: '/s' }, host);
  ended.catch(() => {});
  const ready = until(() => lines.length > 0, 'the line that it is ready');
  const port = () => Number(/command port (\d+)/.exec(lines[0]!)![1]);
  return { lines, calls, ended, ready, port };
}

describe('serve()', () => {
  test('says that it is ready when the TPM is on, and ends at TPM_STOP', async () => {
    const backend = new ScriptedBackend();
    const { lines, calls, ended, ready, port } = begin(backend);
    await ready;
    expect(lines).toEqual([
      `Serving TPM 2.0 (scripted) on 127.0.0.1, command port ${port()}, platform port ${port() + 1}`,
    ]);
    expect(backend.calls.at(-1)).toBe('start 4096');
    const client = await SimulatorClient.connect(port());
    expect(await client.signal('STOP')).toBe(0);
    await ended;
    expect(calls).toEqual(['open /s', 'close']);
    expect(backend.calls.at(-1)).toBe('detach');
  });

  test('rejects when the TPM can not be started, and closes it', async () => {
    const backend = new ScriptedBackend();
    backend.broken = true;
    const { lines, calls, ended } = begin(backend);
    await expect(ended).rejects.toThrow('Starting was made to fail');
    expect([lines, calls]).toEqual([[], ['open /s', 'close']]);
  });

  test('rejects when the TPM is lost, and reports lesser failures only', async () => {
    const backend = new ScriptedBackend();
    const { lines, calls, ended, ready } = begin(backend);
    await ready;
    backend.onEvent?.({ type: 'warning', error: new TpmdevError('ERR_X', 'refused') });
    expect(lines[1]).toBe('! refused');
    backend.onEvent?.({ type: 'lost', error: new TpmdevError('ERR_X', 'gone') });
    await expect(ended).rejects.toThrow('gone');
    expect(calls.at(-1)).toBe('close');
  });
});
