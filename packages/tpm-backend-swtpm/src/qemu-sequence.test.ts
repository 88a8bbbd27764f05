import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { type Locality, readUint32 } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { fromHex, ScriptedSwtpm, toHex } from '../test/scripted-swtpm.js';
import { connectSwtpm } from './connect.js';
import { SNAPSHOT_FORMAT, type SwtpmStateBlob } from './snapshot.js';
import type { SwtpmBackend } from './swtpm-backend.js';

interface Row {
  readonly scenario: string;
  readonly frontend: string;
  readonly tpm: '1.2' | '2.0';
  readonly swtpm: string;
  readonly run: number | string;
  readonly channel: 'ctrl' | 'data';
  readonly dir: string;
  readonly cmd?: string;
  readonly data?: string;
  readonly data_head?: string;
  readonly len: number;
}

const fixture = new URL('../fixtures/qemu-sequences.jsonl.gz', import.meta.url);
const rows = gunzipSync(readFileSync(fixture))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row);
const runs = new Map<string, Row[]>();
for (const row of rows) {
  const { scenario, frontend, tpm, swtpm, run } = row;
  const name = `${scenario}, ${frontend}, TPM ${tpm}, swtpm ${swtpm}, run ${run}`;
  runs.set(name, [...(runs.get(name) ?? []), row]);
}

/** Offset in SET_STATEBLOB of the bytes that tell the family of a plain state. */
const STATE_SIGNATURE_OFFSET = 16 + 22;

/**
 * Recorded bytes; where only the head was kept, the rest is zero. The run in which a peer refuses a
 * state of the other family loses what tells the family: our own check would refuse it earlier.
 */
function bytesOf(row: Row): Uint8Array {
  const bytes = new Uint8Array(row.len);
  bytes.set(fromHex(row.data ?? row.data_head ?? '').subarray(0, row.len));
  if (row.scenario === 'network-fail' && row.cmd === 'SET_STATEBLOB') {
    bytes.fill(0, STATE_SIGNATURE_OFFSET);
  }
  return bytes;
}

/** What counts of a request: a descriptor goes another way, and QEMU doesn't set three bytes. */
function essence(name: string, bytes: Uint8Array): string | undefined {
  if (name === 'SET_DATAFD') return undefined;
  // Asked after each start rather than at the first register read.
  if (name === 'GET_TPMESTABLISHED') return undefined;
  const counting = name === 'RESET_TPMESTABLISHED' ? bytes.subarray(0, 5) : bytes;
  return `${name} ${toHex(counting)}`;
}

/** Scripts a peer with the recorded answers, in their order on each channel. */
function recordedPeer(recording: readonly Row[], tpm: '1.2' | '2.0'): ScriptedSwtpm {
  const peer = new ScriptedSwtpm(tpm);
  const answers = { ctrl: [] as Uint8Array[], data: [] as Uint8Array[] };
  let asked: string | undefined;
  for (const row of recording) {
    if (row.channel === 'ctrl' && row.dir === 'qemu>swtpm') asked = row.cmd;
    if (row.dir !== 'swtpm>qemu') continue;
    const excepted = asked === 'GET_TPMESTABLISHED' || asked === 'SET_DATAFD';
    if (row.channel === 'data' || !excepted) answers[row.channel].push(bytesOf(row));
  }
  for (const name of Object.values(recording).map(({ cmd }) => cmd)) {
    if (name === undefined || name === 'GET_TPMESTABLISHED') continue;
    peer.scripts[name as 'STOP'] = () => answers.ctrl.shift();
  }
  peer.probe = () => answers.data.shift();
  peer.command = () => answers.data.shift();
  return peer;
}

/** Does with a back end what QEMU did with its own according to the recording. */
async function replay(backend: SwtpmBackend, requests: readonly Row[]): Promise<void> {
  let locality: Locality = 0;
  let running: Promise<unknown> = Promise.resolve();
  for (let index = 0; index < requests.length; index++) {
    const row = requests[index]!;
    const bytes = bytesOf(row);
    if (row.channel === 'data') {
      await running;
      // QEMU waits for the answer of a cancel too.
      for (let turn = 0; turn < 5; turn++) await setImmediate();
      running = backend.execute({ command: bytes, locality, responseCapacity: 4096 });
    } else if (row.cmd === 'CANCEL_TPM_CMD') {
      backend.cancel();
    } else if (row.cmd === 'SET_LOCALITY') {
      locality = bytes[4] as Locality;
    } else {
      await running;
      index += await replayOperation(backend, requests, index);
    }
  }
  await running;
}

/** @returns how many further rows the operation covers */
async function replayOperation(
  backend: SwtpmBackend,
  requests: readonly Row[],
  index: number,
): Promise<number> {
  const [first, second, third] = [0, 1, 2].map((step) => requests[index + step]);
  switch (first?.cmd) {
    case 'STOP': {
      if (second?.cmd === 'SET_STATEBLOB') return await replayRestore(backend, requests, index);
      const size = readUint32(bytesOf(second!), 4);
      if (size === 0) await backend.bufferSize();
      else await backend.start({ bufferSize: size, deferred: third?.cmd !== 'INIT' });
      return size !== 0 && third?.cmd === 'INIT' ? 2 : 1;
    }
    case 'GET_STATEBLOB':
      await backend.snapshot();
      return 2;
    case 'RESET_TPMESTABLISHED':
      await backend.resetEstablished(3);
      return 0;
    case 'LOCK_STORAGE':
      await backend.continueAfterSnapshot();
      return 0;
    case 'SHUTDOWN':
      await backend.close();
      return 0;
    default:
      throw new Error(`Recording has an unexpected ${first?.cmd}`);
  }
}

async function replayRestore(
  backend: SwtpmBackend,
  requests: readonly Row[],
  index: number,
): Promise<number> {
  const blobs = requests.slice(index + 1).filter(({ cmd }) => cmd === 'SET_STATEBLOB');
  const saved: SwtpmStateBlob = { flags: 0, bytes: new Uint8Array(0) };
  const state = [saved, saved, saved];
  let count = 0;
  for (const row of blobs) {
    const type = readUint32(bytesOf(row), 8);
    if (type <= count) break;
    state[type - 1] = { flags: readUint32(bytesOf(row), 4), bytes: bytesOf(row).subarray(16) };
    count++;
  }
  const [permanent, volatile, savestate] = state;
  const { tpmVersion } = backend;
  const snapshot = { format: SNAPSHOT_FORMAT, tpmVersion, permanent, volatile, savestate };
  const refused = requests[index + 1 + count] === undefined;
  if (refused) await expect(backend.restore(snapshot)).rejects.toThrow("can't be loaded");
  else await backend.restore(snapshot);
  return refused ? count : count + 1;
}

describe('SwtpmBackend sends what QEMU sends, in its order', () => {
  it('the recording holds 21 runs', () => {
    expect(runs.size).toBe(21);
  });

  it.each([...runs.keys()])('%s', async (name) => {
    const recording = runs.get(name)!;
    const { tpm } = recording[0]!;
    const peer = recordedPeer(recording, tpm);
    const backend = await connectSwtpm({ control: peer.control, data: peer.data });
    expect(backend.tpmVersion).toBe(tpm);
    const requests = recording.filter(
      (row) => row.dir === 'qemu>swtpm' && essence(row.cmd ?? 'data', bytesOf(row)) !== undefined,
    );
    const expected = requests.map((row) => essence(row.cmd ?? 'data', bytesOf(row)));
    const opening = requests.findIndex(({ cmd }) => cmd === 'GET_CAPABILITY') + 1;
    await replay(backend, requests.slice(opening));
    const sent = peer.log.map((entry) => {
      const [kind, bytes] = entry.split(' ');
      return essence(kind!, fromHex(bytes!));
    });
    expect(sent.filter((entry) => entry !== undefined)).toEqual(expected);
    peer.control.destroy();
    peer.data.destroy();
  });
});
