import { readUint16, TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE, WireWriter } from 'tpm-core';
import { describe, expect, it, vi } from 'vitest';
import { freshTpm, RepeatableRandom } from '../../test/fresh-tpm.js';
import { codeOf, startUp } from '../../test/measurement-commands.js';
import { commandBytes } from '../../test/password-command.js';
import type { Tpm } from '../tpm.js';

function startedTpm(seed: number): Tpm {
  const tpm = freshTpm({ random: new RepeatableRandom(seed) });
  startUp(tpm);
  return tpm;
}

/** The bytes of TPM2_GetRandom. */
function randomBytes(tpm: Tpm, count: number): Uint8Array {
  const parameters = new WireWriter().uint16(count).finish();
  const response = tpm.execute(commandBytes({ code: TPM_CC.GetRandom, parameters }), 0);
  expect(response).toHaveLength(12 + readUint16(response, 10));
  return response.slice(12);
}

function stir(tpm: Tpm, data: Uint8Array): number {
  const parameters = new WireWriter().uint16(data.length).bytes(data).finish();
  return codeOf(tpm, { code: TPM_CC.StirRandom, parameters });
}

describe('GetRandom', () => {
  it.each([
    [0, 0],
    [1, 1],
    [64, 64],
    [65, 64],
    [0xffff, 64],
  ])('GetRandom of %i bytes gives %i', (asked, given) => {
    expect(randomBytes(startedTpm(1), asked)).toHaveLength(given);
  });

  it('GetRandom repeats from the same seed, and neither from another one nor twice', () => {
    const tpm = startedTpm(1);
    const first = randomBytes(tpm, 32);
    expect(randomBytes(tpm, 32)).not.toEqual(first);
    expect(randomBytes(startedTpm(1), 32)).toEqual(first);
    expect(randomBytes(startedTpm(2), 32)).not.toEqual(first);
  });
});

describe('StirRandom', () => {
  it('StirRandom takes its data and fresh bytes of the host in', () => {
    const [one, other] = [startedTpm(1), startedTpm(1)];
    const fill = vi.spyOn(one.entropy, 'fill');
    expect(stir(one, Uint8Array.of(1))).toBe(TPM_RC.SUCCESS);
    expect(fill).toHaveBeenCalled();
    expect(stir(other, Uint8Array.of(2))).toBe(TPM_RC.SUCCESS);
    expect(randomBytes(one, 32)).not.toEqual(randomBytes(other, 32));
  });

  it('StirRandom takes 128 bytes and refuses 129', () => {
    const tpm = startedTpm(1);
    expect(stir(tpm, new Uint8Array(128))).toBe(TPM_RC.SUCCESS);
    expect(stir(tpm, new Uint8Array(129))).toBe(TPM_RC_FORMAT_ONE.SIZE | 0x140);
  });
});
