import { describe, expect, it } from 'vitest';
import { bench, FAILURE } from '../test/scripted-bench.js';
import { fromHex, ScriptedSwtpm } from '../test/scripted-swtpm.js';
import { openBackend } from './open.js';

describe('opening', () => {
  it.each([
    ['2.0', '000000000000348e', 'swtpm lacks INIT'],
    ['2.0', '000000000000340f', 'swtpm lacks RESET_TPMESTABLISHED'],
    ['1.2', '000000000000200b', 'swtpm lacks GET_TPMESTABLISHED, STOP'],
  ] as const)(
    'connectSwtpm() refuses a TPM %s with capabilities %s',
    async (family, answer, message) => {
      const prepare = (peer: ScriptedSwtpm): void => {
        peer.scripts.GET_CAPABILITY = () => fromHex(answer);
      };
      await expect(bench({ tpmVersion: family, prepare })).rejects.toThrow(message);
    },
  );

  it('connectSwtpm() needs no descriptor passing when the data socket is separate', async () => {
    const prepare = (peer: ScriptedSwtpm): void => {
      peer.scripts.GET_CAPABILITY = () => fromHex('000000000000248f');
    };
    await expect(bench({ prepare })).resolves.toBeDefined();
  });

  it.each([
    ['garbage', 'ffffffffffffffffffff'],
    ['a TPM 2.0 response with sessions', '80020000000a00000000'],
    ['a wrong size field', '80010000000b00000000'],
  ])('connectSwtpm() refuses a data channel that answers with %s', async (_name, answer) => {
    const prepare = (peer: ScriptedSwtpm): void => {
      peer.probe = () => fromHex(answer);
    };
    const opened = bench({ timeLimits: { probe: 20 }, prepare });
    await expect(opened).rejects.toMatchObject({ code: 'ERR_NOT_A_TPM' });
  });

  it('connectSwtpm() finds a TPM 1.2 that is silent to the first probe', async () => {
    const prepare = (peer: ScriptedSwtpm): void => {
      peer.probe = (bytes) => (bytes[0] === 0x80 ? undefined : fromHex(FAILURE));
    };
    const { backend } = await bench({ timeLimits: { probe: 300 }, prepare });
    expect(backend.tpmVersion).toBe('1.2');
  });

  it('connectSwtpm() refuses a silent data channel', async () => {
    const prepare = (peer: ScriptedSwtpm): void => {
      peer.probe = () => undefined;
    };
    await expect(bench({ timeLimits: { probe: 10 }, prepare })).rejects.toThrow('no answer');
  });

  const openByDescriptor = (peer: ScriptedSwtpm) =>
    openBackend(
      {
        control: peer.control,
        data: peer.data,
        passDescriptor: (control) =>
          control.setDataDescriptor((bytes) => {
            peer.control.write(bytes);
          }),
      },
      {},
    );

  it('openBackend() passes the descriptor, probes, then asks for the capabilities', async () => {
    const peer = new ScriptedSwtpm('1.2');
    await openByDescriptor(peer);
    expect(peer.log).toEqual([
      'SET_DATAFD 00000010',
      'data 80010000000a00000181',
      'data 00c10000000a000000f1',
      'GET_CAPABILITY 00000001',
    ]);
  });

  it('openBackend() shuts a peer down that it gave its data socket and then refuses', async () => {
    const peer = new ScriptedSwtpm();
    peer.scripts.GET_CAPABILITY = () => fromHex('000000000000248f');
    await expect(openByDescriptor(peer)).rejects.toThrow('swtpm lacks SET_DATAFD');
    expect(peer.names).toEqual(['SET_DATAFD', 'GET_CAPABILITY', 'SHUTDOWN']);
    expect(peer.data.destroyed && peer.control.destroyed).toBe(true);
  });

  it('SwtpmBackend.attach() refuses a second front end until the first detaches', async () => {
    const { backend } = await bench();
    backend.attach('tpm-tis');
    expect(() => backend.attach('tpm-crb')).toThrow("serves 'tpm-tis'");
    backend.detach();
    backend.attach('tpm-crb');
  });
});
