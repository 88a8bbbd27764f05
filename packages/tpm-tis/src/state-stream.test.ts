import { fixtureBytes } from '@tpmdev/testing/fixture';
import { toHex } from '@tpmdev/testing/scripted-backend';
import { SnapshotError } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { Rig, STARTUP } from '../test/rig.js';
import { TIS_SNAPSHOT_FORMAT } from './snapshot.js';
import { decodeTisState, encodeTisState, TIS_STATE_STREAM_SIZE } from './state-stream.js';

const FIXTURES = {
  tis: await fixtureBytes(new URL('../fixtures/state-tis-qemu72.bin.gz', import.meta.url)),
  tis12: await fixtureBytes(new URL('../fixtures/state-tis12-qemu72.bin.gz', import.meta.url)),
};

function fixture(name: keyof typeof FIXTURES): Uint8Array {
  return FIXTURES[name].slice();
}

async function sha256(bytes: Uint8Array): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes))));
}

const SAVED = [
  ['tis', '2.0', '4e39e70504777be0fe26e9c8d0c7ff0b5c6da828c5ee59cb47f9f2f33b58aef8', 0x0400_0040],
  ['tis12', '1.2', '43dee85638b55d3186e184774063ef79292ee7660ded65fc06b89676c7697565', 0x40],
] as const;

describe('decodeTisState', () => {
  it.each(SAVED)(
    'decodeTisState() reads the state %s that QEMU saved',
    async (name, version, hash, status) => {
      const state = decodeTisState(fixture(name));
      expect(await sha256(state.buffer)).toBe(hash);
      expect([
        state.offset,
        state.activeLocality,
        state.abortingLocality,
        state.nextLocality,
      ]).toEqual([0, 0, -1, -1]);
      const interfaceId = version === '2.0' ? 0x2100 : 0xffff_ffff;
      const idle = { interruptEnable: 8, interruptStatus: 0, interfaceId };
      expect(state.localities).toEqual([
        { state: 'ready', access: 0xa0, status, ...idle },
        ...Array.from({ length: 4 }, () => ({
          state: 'idle',
          access: 0x80,
          status: status & ~0x40,
          ...idle,
        })),
      ]);
    },
  );

  it.each(SAVED)(
    'decodeTisState() makes a state of %s that a device takes',
    async (name, tpmVersion) => {
      const rig = await Rig.started({ tpmVersion });
      rig.device.restore({
        format: TIS_SNAPSHOT_FORMAT,
        configuration: rig.device.configuration,
        lineAsserted: false,
        ...decodeTisState(fixture(name)),
      });
      expect(rig.status(0)).toBe(tpmVersion === '2.0' ? 0x0410_0040 : 0x0010_0040);
      expect(rig.accesses).toBe('a1 81 81 81 81');
    },
  );

  it.each([
    ['TIS state: expected 4206 bytes, saved 4205', (bytes: Uint8Array) => bytes.subarray(1)],
    ['TIS state: expected 4206 bytes, saved 0', () => new Uint8Array(0)],
    [
      'Locality number: allowed 0 to 4 and 255, saved 5',
      (bytes: Uint8Array) => bytes.with(4098, 5),
    ],
    [
      'Locality state: allowed 0 to 4, saved 261',
      (bytes: Uint8Array) => bytes.with(4103, 1).with(4104, 5),
    ],
  ])('decodeTisState() refuses with "%s"', (message, spoil) => {
    expect(() => decodeTisState(spoil(fixture('tis')))).toThrow(new SnapshotError(message));
  });
});

describe('encodeTisState', () => {
  it.each(SAVED)('encodeTisState() gives the bytes of %s back', (name) => {
    const bytes = fixture(name);
    expect(bytes.length).toBe(TIS_STATE_STREAM_SIZE);
    expect(encodeTisState(decodeTisState(bytes))).toEqual(bytes);
  });

  it('encodeTisState() writes a snapshot as QEMU writes this state', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.enableInterrupts(0);
    rig.ready(0);
    rig.feed(0, STARTUP.slice(0, 14));
    rig.request(2);
    rig.write(0, 0x30, 0x0008_0000);
    const bytes = encodeTisState(await rig.device.snapshot());
    expect(toHex(bytes.subarray(0, 8))).toBe('80010000000c0000');
    expect(toHex(bytes.subarray(4096, 4101))).toBe('000700ffff');
    expect(toHex(bytes.subarray(4101, 4122))).toBe(
      '00000004 80000087 00000080 a0 04000088 00082100'.replaceAll(' ', ''),
    );
    expect(toHex(bytes.subarray(4143, 4164))).toBe(
      '00000000 00000008 00000000 82 04000000 00082100'.replaceAll(' ', ''),
    );
  });
});
