import { setTimeout as delay } from 'node:timers/promises';
import { type BackendEvent, type Locality, SnapshotError, type TpmResult } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { fromHex, ScriptedSwtpm, toHex } from '../test/scripted-swtpm.js';
import { connectSwtpm } from './connect.js';
import { openBackend, type SwtpmTimeLimits } from './open.js';
import type { SwtpmSnapshot } from './snapshot.js';
import type { SwtpmBackend } from './swtpm-backend.js';

const FAILURE = '00c40000000a00000009';
const SUCCESS = '80010000000a00000000';
const STARTUP = fromHex('80010000000c000001440000');

interface Bench {
  readonly peer: ScriptedSwtpm;
  readonly backend: SwtpmBackend;
  readonly events: BackendEvent[];
  run(command?: Uint8Array, locality?: Locality, responseCapacity?: number): Promise<TpmResult>;
}

/** A back end on a scripted peer, started unless said otherwise. */
async function bench(
  options: {
    readonly tpmVersion?: '1.2' | '2.0';
    readonly timeLimits?: SwtpmTimeLimits;
    readonly prepare?: (peer: ScriptedSwtpm) => void;
    readonly stopped?: boolean;
  } = {},
): Promise<Bench> {
  const peer = new ScriptedSwtpm(options.tpmVersion);
  options.prepare?.(peer);
  const events: BackendEvent[] = [];
  const backend = await connectSwtpm({
    control: peer.control,
    data: peer.data,
    timeLimits: options.timeLimits ?? {},
    onEvent: (event) => events.push(event),
  });
  if (options.stopped !== true) await backend.start({ bufferSize: 4096 });
  peer.clear();
  const run = (command = STARTUP, locality: Locality = 0, responseCapacity = 4096) =>
    backend.execute({ command, locality, responseCapacity });
  return { peer, backend, events, run };
}

const codes = (events: readonly BackendEvent[]): string[] =>
  events.map(({ type, error }) => `${type} ${error.code}`);

/** A plain permanent state of a TPM 2.0 with nothing inside. */
function blob(word: number, length = 40): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(fromHex('0201000a0004'));
  new DataView(bytes.buffer).setUint32(6, length);
  new DataView(bytes.buffer).setUint32(24, word);
  return bytes;
}

const nothing = { flags: 0, bytes: new Uint8Array(0) };
const saved: SwtpmSnapshot = {
  format: 'tpm-backend-swtpm/1',
  tpmVersion: '2.0',
  permanent: { flags: 0, bytes: blob(0xab364723) },
  volatile: { flags: 2, bytes: blob(0x45637889) },
  savestate: nothing,
};

describe('SwtpmBackend.execute', () => {
  it('SwtpmBackend.execute() writes a command with one call and gives the response', async () => {
    const { peer, run } = await bench();
    expect(await run()).toEqual({ response: fromHex(SUCCESS), failed: false });
    expect(peer.data.writes.map(toHex)).toEqual([toHex(STARTUP)]);
  });

  it('SwtpmBackend.execute() sets a locality only when it differs from the last one set', async () => {
    const { peer, run } = await bench();
    for (const locality of [0, 0, 3, 3, 0] as const) await run(STARTUP, locality);
    expect(peer.log.filter((entry) => entry.startsWith('SET_LOCALITY'))).toEqual([
      'SET_LOCALITY 0000000500000000',
      'SET_LOCALITY 0000000503000000',
      'SET_LOCALITY 0000000500000000',
    ]);
  });

  it('SwtpmBackend.execute() sends nothing when a locality is refused, and asks again next time', async () => {
    const { peer, events, run } = await bench();
    peer.scripts.SET_LOCALITY = () => fromHex('0000003d');
    expect(await run(STARTUP, 4)).toEqual({ response: fromHex(FAILURE), failed: true });
    expect(events.map(({ type, error }) => `${type}: ${error.message}`)).toEqual([
      'command-failed: swtpm refused SET_LOCALITY 4: result 0x3d (bad locality)',
    ]);
    delete peer.scripts.SET_LOCALITY;
    expect((await run(STARTUP, 4)).failed).toBe(false);
    expect(peer.names).toEqual(['SET_LOCALITY', 'SET_LOCALITY']);
    expect(peer.data.writes.length).toBe(1);
  });

  it('SwtpmBackend.execute() answers a second command at once with a failure', async () => {
    const { events, run } = await bench();
    const first = run();
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toEqual(['command-failed ERR_BACKEND_BUSY']);
    expect(toHex((await first).response)).toBe(SUCCESS);
  });

  it.each([
    ['shorter than a header', new Uint8Array(9)],
    ['longer than the buffer', new Uint8Array(4097)],
    ['with the TCG prefix that sets a locality', fromHex('000000080400000000')],
    ['with the TCG prefix and a command', fromHex('00000008040000000c80010000000c000001440000')],
  ])('SwtpmBackend.execute() never writes a command %s', async (_name, command) => {
    const { peer, events, run } = await bench();
    expect(await run(command)).toEqual({ response: fromHex(FAILURE), failed: true });
    expect(peer.log).toEqual([]);
    expect(codes(events)).toEqual(['command-failed ERR_COMMAND_FORM']);
  });

  it('SwtpmBackend.execute() forwards a size field that disagrees with the length', async () => {
    const { peer, run } = await bench();
    const command = fromHex('8001000000ff000001440000');
    peer.command = () => fromHex('80010000000a00000142');
    expect(toHex((await run(command)).response)).toBe('80010000000a00000142');
  });

  it('SwtpmBackend.execute() fails one command whose response has no room, and goes on', async () => {
    const { peer, events, run } = await bench();
    peer.command = () => fromHex(`8001000000100000000000000000${'00'.repeat(2)}`);
    expect(toHex((await run(STARTUP, 0, 12)).response)).toBe(FAILURE);
    expect(codes(events)).toEqual(['command-failed ERR_RESPONSE_SIZE']);
    expect((await run()).response.length).toBe(16);
  });

  it('SwtpmBackend.execute() accepts a response in any split and however late', async () => {
    const { peer, run } = await bench();
    const response = fromHex('80010000000e0000000001020304');
    for (const pieces of [[1, 1, 1], [9], [10], [13], [6, 4, 2, 1]]) {
      peer.command = () => {
        peer.data.send(response, pieces);
        return undefined;
      };
      expect((await run()).response).toEqual(response);
    }
  });

  it.each([
    ['a size field below 10', '80010000000900000000'],
    ['a size field above the buffer size', '80010000100100000000'],
    ['more bytes than its size field says', `${SUCCESS}00`],
  ])('SwtpmBackend.execute() takes a response with %s as loss', async (_name, response) => {
    const { peer, events, run } = await bench();
    peer.command = () => fromHex(response);
    expect(await run()).toEqual({ response: fromHex(FAILURE), failed: true });
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toEqual([
      'command-failed ERR_DATA_PROTOCOL',
      'lost ERR_DATA_PROTOCOL',
      'command-failed ERR_DATA_PROTOCOL',
    ]);
  });

  it('SwtpmBackend takes a response without a command as loss', async () => {
    const { peer, events } = await bench();
    peer.data.send(fromHex(SUCCESS));
    await delay(20);
    expect(codes(events)).toEqual(['lost ERR_DATA_PROTOCOL']);
  });

  it.each([0, 4, 10])(
    'SwtpmBackend.execute() answers once when the data channel closes after %i bytes',
    async (length) => {
      const { peer, events, run } = await bench();
      peer.command = () => {
        peer.data.send(fromHex('80010000001400000000').subarray(0, length));
        setTimeout(() => peer.data.hangUp(), 5);
        return undefined;
      };
      expect(await run()).toEqual({ response: fromHex(FAILURE), failed: true });
      expect(toHex((await run()).response)).toBe(FAILURE);
      expect(codes(events)).toEqual([
        'command-failed ERR_DATA_LOST',
        'lost ERR_DATA_LOST',
        'command-failed ERR_DATA_LOST',
      ]);
      expect(events[0]!.error.message).toContain(`after ${length} bytes`);
    },
  );

  it('SwtpmBackend.execute() answers with a failure when the control channel closes', async () => {
    const { peer, events, run } = await bench();
    peer.command = () => {
      peer.control.hangUp();
      return undefined;
    };
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toEqual(['command-failed ERR_CONTROL_LOST', 'lost ERR_CONTROL_LOST']);
    await expect(connectSwtpm({ control: peer.control, data: peer.data })).rejects.toMatchObject({
      code: 'ERR_DATA_LOST',
    });
  });

  it('SwtpmBackend.execute() gives up a command after the time limit, when there is one', async () => {
    const { peer, events, run } = await bench({ timeLimits: { command: 30 } });
    peer.command = () => undefined;
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toContain('lost ERR_COMMAND_TIMEOUT');
  });

  it('SwtpmBackend.execute() survives a host whose event handler is missing', async () => {
    const { backend, peer, run } = await bench();
    backend.onEvent = undefined;
    peer.data.destroy(new Error('broken pipe'));
    await delay(10);
    expect((await run()).failed).toBe(true);
  });
});

describe('control channel of SwtpmBackend', () => {
  it('SwtpmBackend takes a silent control channel as loss after the time limit', async () => {
    const { peer, events, run } = await bench({ timeLimits: { answer: 40 } });
    peer.scripts.SET_LOCALITY = () => undefined;
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toEqual([
      'command-failed ERR_CONTROL_TIMEOUT',
      'lost ERR_CONTROL_TIMEOUT',
    ]);
    expect(events[1]!.error.message).toBe(
      'swtpm did not answer SET_LOCALITY within 40 ms; restart swtpm',
    );
  });

  it('SwtpmBackend gives INIT a time limit of its own', async () => {
    const { backend, peer } = await bench({
      timeLimits: { answer: 5000, init: 30 },
      stopped: true,
    });
    peer.scripts.INIT = () => undefined;
    await expect(backend.start({ bufferSize: 4096 })).rejects.toThrow('INIT within 30 ms');
  });

  it('SwtpmBackend stops the clock of a control answer while a TPM command runs', async () => {
    const { backend, peer, events, run } = await bench({ timeLimits: { answer: 40 } });
    peer.command = () => {
      setTimeout(() => peer.data.send(fromHex(SUCCESS)), 120);
      return undefined;
    };
    peer.scripts.CANCEL_TPM_CMD = () => {
      setTimeout(() => peer.control.send(new Uint8Array(4)), 130);
      return undefined;
    };
    await run();
    const answered = run();
    await delay(5);
    backend.cancel();
    expect(toHex((await answered).response)).toBe(SUCCESS);
    await delay(30);
    expect(events).toEqual([]);
  });

  it.each([
    ['after a success answer', '0000000000'],
    ['after an error answer', '0000000900000000'],
  ])('SwtpmBackend takes surplus control bytes %s as loss', async (_name, answer) => {
    const { peer, events, run } = await bench();
    peer.scripts.SET_LOCALITY = () => fromHex(answer);
    await run();
    expect(codes(events)).toContain('lost ERR_CONTROL_PROTOCOL');
  });

  it('SwtpmBackend takes control bytes without a request as loss', async () => {
    const { peer, events } = await bench();
    peer.control.send(new Uint8Array(4));
    await delay(10);
    expect(codes(events)).toEqual(['lost ERR_CONTROL_PROTOCOL']);
  });

  it('SwtpmBackend accepts a control answer in any split', async () => {
    const { backend, peer } = await bench();
    peer.scripts.SET_BUFFERSIZE = () => {
      peer.control.send(fromHex('00000000000008000000080000001000'), [1, 2, 3, 4]);
      return undefined;
    };
    expect(await backend.bufferSize()).toBe(2048);
  });

  it('ControlClient sends one request at a time, each with one write', async () => {
    const { backend, peer } = await bench();
    const { control } = backend;
    await Promise.all([
      control.getConfig(),
      control.stop(),
      control.hashData(new Uint8Array(9000)),
    ]);
    expect(peer.names).toEqual(['GET_CONFIG', 'STOP', 'HASH_DATA']);
    expect(peer.control.writes.map(({ length }) => length)).toEqual([4, 4, 9008]);
  });

  it('ControlClient.setStateBlob() writes head and data apart', async () => {
    const { backend, peer } = await bench();
    await backend.control.setStateBlob(1, 0, new Uint8Array(5000));
    expect(peer.control.writes.map(({ length }) => length)).toEqual([16, 5000]);
  });
});

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
    const { backend } = await bench({ timeLimits: { probe: 20 }, prepare });
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

describe('SwtpmBackend life cycle', () => {
  it('SwtpmBackend.start() answers with the smaller size when swtpm insists on one', async () => {
    const { backend, peer } = await bench({ stopped: true });
    peer.scripts.SET_BUFFERSIZE = () => fromHex('0000000000000b0000000af800000b00');
    expect(await backend.start({ bufferSize: 4096 })).toBe(0xb00);
    expect(await backend.start({ bufferSize: 100 })).toBe(100);
  });

  it.each(['STOP', 'SET_BUFFERSIZE', 'INIT'] as const)(
    'SwtpmBackend.start() rejects when %s is refused',
    async (name) => {
      const { backend, peer } = await bench({ stopped: true });
      peer.scripts[name] = () => fromHex('00000009');
      await expect(backend.start({ bufferSize: 4096 })).rejects.toMatchObject({
        code: 'ERR_CONTROL_REFUSED',
        resultCode: 9,
      });
    },
  );

  it('SwtpmBackend.bufferSize() is 4096 when swtpm can not tell', async () => {
    const { backend, peer, events } = await bench();
    peer.scripts.SET_BUFFERSIZE = () => fromHex('0000000a');
    expect(await backend.bufferSize()).toBe(4096);
    expect(codes(events)).toEqual(['warning ERR_CONTROL_REFUSED']);
  });

  it('SwtpmBackend.start() waits for an outstanding command', async () => {
    const { backend, peer, run } = await bench();
    await run();
    peer.clear();
    peer.command = () => {
      setTimeout(() => peer.data.send(fromHex(SUCCESS)), 30);
      return undefined;
    };
    const answered = run();
    const started = backend.start({ bufferSize: 4096 });
    const later = answered.then(() => run());
    await Promise.all([answered, started, later]);
    expect(peer.log.map((entry) => entry.split(' ')[0])).toEqual([
      'data',
      'STOP',
      'SET_BUFFERSIZE',
      'INIT',
      'GET_TPMESTABLISHED',
      'data',
    ]);
  });

  it('SwtpmBackend keeps the order of operations and commands between them', async () => {
    const { backend, peer, run } = await bench();
    const turns = [backend.bufferSize(), run(), backend.snapshot(), backend.bufferSize()];
    await Promise.all(turns);
    expect(peer.log.map((entry) => entry.split(' ')[0])).toEqual([
      ...['STOP', 'SET_BUFFERSIZE', 'SET_LOCALITY', 'data'],
      ...['GET_STATEBLOB', 'GET_STATEBLOB', 'GET_STATEBLOB', 'STOP', 'SET_BUFFERSIZE'],
    ]);
  });

  it('SwtpmBackend.cancel() sends a cancel only while a command runs, and one at a time', async () => {
    const { backend, peer, run } = await bench();
    backend.cancel();
    peer.command = () => {
      for (let count = 0; count < 1000; count++) backend.cancel();
      return fromHex(SUCCESS);
    };
    await run();
    await delay(10);
    expect(peer.names).toEqual(['SET_LOCALITY', 'CANCEL_TPM_CMD']);
  });

  it('SwtpmBackend.cancel() sends nothing when swtpm can not cancel, and reports a refusal', async () => {
    const prepare = (peer: ScriptedSwtpm): void => {
      peer.scripts.GET_CAPABILITY = () => fromHex('000000000000ffdf');
    };
    const without = await bench({ prepare });
    const running = without.run();
    await delay(1);
    without.backend.cancel();
    await running;
    expect(without.peer.names).toEqual(['SET_LOCALITY']);
    const refusing = await bench();
    refusing.peer.scripts.CANCEL_TPM_CMD = () => fromHex('00000009');
    refusing.peer.command = () => {
      refusing.backend.cancel();
      return fromHex(SUCCESS);
    };
    expect((await refusing.run()).failed).toBe(false);
    await delay(10);
    expect(codes(refusing.events)).toEqual(['warning ERR_CONTROL_REFUSED']);
  });

  it('SwtpmBackend.close() answers an outstanding command, then shuts down, once', async () => {
    const { backend, peer, events, run } = await bench();
    await run();
    const answered = run();
    await Promise.all([backend.close(), backend.close()]);
    expect(toHex((await answered).response)).toBe(SUCCESS);
    expect(peer.names).toEqual(['SET_LOCALITY', 'SHUTDOWN']);
    expect(events).toEqual([]);
    expect(toHex((await run()).response)).toBe(FAILURE);
    await expect(backend.snapshot()).rejects.toMatchObject({ code: 'ERR_BACKEND_CLOSED' });
  });

  it('SwtpmBackend.close() ends although swtpm hangs', async () => {
    const { backend, peer, run } = await bench({ timeLimits: { close: 20 } });
    peer.command = () => undefined;
    const answered = run();
    await delay(5);
    await backend.close();
    expect(toHex((await answered).response)).toBe(FAILURE);
  });

  it('SwtpmBackend.trace receives requests, answers, commands and responses', async () => {
    const { backend, run } = await bench();
    const seen: string[] = [];
    backend.trace = (event) => {
      const name = 'name' in event ? event.name : '';
      if ('bytes' in event) seen.push(`${event.type} ${name} ${toHex(event.bytes)}`);
    };
    await run();
    expect(seen).toEqual([
      'control-request SET_LOCALITY 0000000500000000',
      'control-response SET_LOCALITY 00000000',
      `command  ${toHex(STARTUP)}`,
      `response  ${SUCCESS}`,
    ]);
  });
});

describe('established flag of SwtpmBackend', () => {
  const set = (): Uint8Array => fromHex('0000000001000000');

  it('SwtpmBackend.established is asked after each start and false when swtpm can not tell', async () => {
    const { backend, peer, events } = await bench();
    expect(backend.established).toBe(false);
    peer.scripts.GET_TPMESTABLISHED = set;
    await backend.start({ bufferSize: 4096 });
    expect(backend.established).toBe(true);
    peer.scripts.GET_TPMESTABLISHED = () => fromHex('0000000a');
    await backend.start({ bufferSize: 4096 });
    expect(backend.established).toBe(false);
    expect(codes(events)).toEqual(['warning ERR_CONTROL_REFUSED']);
  });

  it('SwtpmBackend.resetEstablished() sends the locality set last, 0xff before any', async () => {
    const { backend, peer, run } = await bench();
    peer.scripts.RESET_TPMESTABLISHED = (bytes) =>
      fromHex(bytes[4]! === 3 ? '00000000' : '0000003d');
    await backend.resetEstablished(3);
    await run(STARTUP, 3);
    peer.scripts.GET_TPMESTABLISHED = set;
    await Promise.all([backend.resetEstablished(0), backend.resetEstablished(0)]);
    expect(peer.log.filter((entry) => !entry.startsWith('data'))).toEqual([
      'RESET_TPMESTABLISHED 0000000bff000000',
      'SET_LOCALITY 0000000503000000',
      'RESET_TPMESTABLISHED 0000000b03000000',
      'GET_TPMESTABLISHED 00000004',
    ]);
    expect(backend.established).toBe(true);
  });

  it('SwtpmBackend.resetEstablished() sends nothing for a TPM 1.2', async () => {
    const { backend, peer } = await bench({ tpmVersion: '1.2' });
    await backend.resetEstablished(3);
    expect(peer.log).toEqual([]);
  });
});

describe('state of SwtpmBackend', () => {
  it('SwtpmBackend.snapshot() reads three blobs decrypted, and an absent one as empty', async () => {
    const { backend, peer } = await bench();
    peer.scripts.GET_STATEBLOB = (bytes) =>
      bytes[11] === 1
        ? fromHex('00000000000000020000000300000003010203')
        : fromHex(`00000800${'00'.repeat(12)}`);
    const snapshot = await backend.snapshot();
    expect(snapshot).toEqual({
      format: 'tpm-backend-swtpm/1',
      tpmVersion: '2.0',
      permanent: { flags: 2, bytes: fromHex('010203') },
      volatile: nothing,
      savestate: nothing,
    });
    expect(peer.log).toEqual(
      [1, 2, 3].map((type) => `GET_STATEBLOB 0000000c000000010000000${type}00000000`),
    );
  });

  it.each([
    ['is refused', `00000020${'00'.repeat(12)}`, 'ERR_CONTROL_REFUSED'],
    ['is shorter than its total', '000000000000000000000004000000020102', 'ERR_STATE_UNREADABLE'],
  ])(
    'SwtpmBackend.snapshot() rejects when a blob %s, and the TPM goes on',
    async (_n, answer, code) => {
      const { backend, peer, run } = await bench();
      peer.scripts.GET_STATEBLOB = () => fromHex(answer);
      await expect(backend.snapshot()).rejects.toMatchObject({ code });
      expect((await run()).failed).toBe(false);
    },
  );

  it('SwtpmBackend.restore() stops at the first refused blob, and nothing runs after it', async () => {
    const { backend, peer, events, run } = await bench();
    peer.scripts.SET_STATEBLOB = (bytes) => fromHex(bytes[11] === 2 ? '0000000d' : '00000000');
    await expect(backend.restore(saved)).rejects.toMatchObject({
      code: 'ERR_STATE_REFUSED',
      resultCode: 0x0d,
      message:
        "Saved TPM state can't be loaded: swtpm refused SET_STATEBLOB volatile: result 0x0d (key not found); the TPM stays stopped, restore a state that fits or restart swtpm",
    });
    expect(peer.names).toEqual(['STOP', 'SET_STATEBLOB', 'SET_STATEBLOB']);
    peer.clear();
    await expect(backend.start({ bufferSize: 4096 })).rejects.toMatchObject({
      code: 'ERR_STATE_REFUSED',
    });
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toEqual(['command-failed ERR_STATE_REFUSED']);
    expect(peer.log).toEqual([]);
    delete peer.scripts.SET_STATEBLOB;
    expect(await backend.start({ bufferSize: 4096, deferred: true })).toBe(4096);
    await backend.restore(saved);
    expect((await run()).failed).toBe(false);
  });

  it.each([
    ['format', { format: 'tpm-backend-embedded/1' }],
    ['family', { tpmVersion: '1.2' }],
    ['missing blob', { volatile: undefined }],
    ['bytes of another type', { volatile: { flags: 0, bytes: [1, 2] } }],
    ['flags', { volatile: { flags: 4, bytes: saved.volatile.bytes } }],
    ['no permanent state', { permanent: nothing }],
    ['a truncated blob', { permanent: { flags: 0, bytes: saved.permanent.bytes.slice(0, 30) } }],
    ['a blob below its header', { permanent: { flags: 0, bytes: new Uint8Array(3) } }],
    ['a blob of another version', { permanent: { flags: 0, bytes: new Uint8Array(40) } }],
    ['a blob above 512 KiB', { permanent: { flags: 0, bytes: blob(0xab364723, 524_289) } }],
    ['exchanged blobs', { permanent: saved.volatile, volatile: saved.permanent }],
  ])(
    'SwtpmBackend.restore() refuses a snapshot with wrong %s before it sends anything',
    async (_n, change) => {
      const { backend, peer, run } = await bench();
      await expect(backend.restore({ ...saved, ...change })).rejects.toThrow(SnapshotError);
      expect(peer.log).toEqual([]);
      expect((await run()).failed).toBe(false);
    },
  );

  it('SwtpmBackend.migrationBlocker() names the missing commands, and both ways are refused', async () => {
    const prepare = (peer: ScriptedSwtpm): void => {
      peer.scripts.GET_CAPABILITY = () => fromHex('000000000000fcff');
    };
    const { backend } = await bench({ prepare });
    expect(backend.migrationBlocker()).toContain('swtpm lacks GET_STATEBLOB, SET_STATEBLOB');
    await expect(backend.snapshot()).rejects.toMatchObject({ code: 'ERR_STATE_UNREADABLE' });
    await expect(backend.restore(saved)).rejects.toMatchObject({ code: 'ERR_STATE_UNREADABLE' });
    expect((await bench()).backend.migrationBlocker()).toBeUndefined();
  });

  it('SwtpmBackend.continueAfterSnapshot() takes the lock back after a snapshot, each time', async () => {
    const prepare = (peer: ScriptedSwtpm): void => {
      peer.scripts.GET_CAPABILITY = () => fromHex('000000000001ffff');
    };
    const { backend, peer } = await bench({ prepare });
    await backend.continueAfterSnapshot();
    await backend.snapshot();
    peer.clear();
    await backend.continueAfterSnapshot();
    await backend.continueAfterSnapshot();
    expect(peer.log).toEqual(Array(2).fill('LOCK_STORAGE 000000130000012c'));
    peer.scripts.LOCK_STORAGE = () => fromHex('00000009');
    await expect(backend.continueAfterSnapshot()).rejects.toMatchObject({ resultCode: 9 });
  });
});
