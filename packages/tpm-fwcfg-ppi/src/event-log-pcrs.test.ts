import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import { describe, expect, it } from 'vitest';
import { FirmwareInterfaceError } from './error.js';
import { readPcrs } from './event-log-pcrs.js';

/** A TPM that answers each command by a function of its hexadecimal text, and keeps a log. */
function tpm(answer: (command: string) => string) {
  const sent: string[] = [];
  const execute = async (command: Uint8Array): Promise<Uint8Array> => {
    sent.push(toHex(command));
    return fromHex(answer(toHex(command)));
  };
  return { sent, execute };
}

/** TPM2_PCR_Read response whose digest repeats the byte of the PCR bitmap. */
function pcr20(command: string): string {
  const bitmap = command.slice(-6);
  const selection = command.slice(20);
  return `80010000003e0000000000000007${selection}000000010004${bitmap}aa`;
}

describe('readPcrs', () => {
  it('readPcrs() reads the 24 PCRs of each bank of a TPM 2.0 one by one', async () => {
    const { sent, execute } = tpm(pcr20);
    const banks = await readPcrs(execute, '2.0', [0x04, 0x0b]);
    expect([...banks.keys()]).toEqual([0x04, 0x0b]);
    expect(sent).toHaveLength(48);
    expect(sent[0]).toBe('8001000000140000017e00000001000403010000');
    expect(sent[24 + 17]).toBe('8001000000140000017e00000001000b03000002');
    expect(toHex(banks.get(0x0b)!.get(17)!)).toBe('000002aa');
  });

  it('readPcrs() leaves a bank out that has no PCRs', async () => {
    const empty = '80010000001c00000000000000070000000100040300000000000000';
    const { execute } = tpm((command) => (command.includes('000403') ? empty : pcr20(command)));
    expect([...(await readPcrs(execute, '2.0', [0x04, 0x0b])).keys()]).toEqual([0x0b]);
  });

  it('readPcrs() reads the bank SHA-1 of a TPM 1.2 and no other', async () => {
    const { sent, execute } = tpm(
      (command) => `00c40000001e00000000${command.slice(-2).repeat(20)}`,
    );
    const banks = await readPcrs(execute, '1.2', [0x0b, 0x04]);
    expect([...banks.keys()]).toEqual([0x04]);
    expect(sent).toHaveLength(24);
    expect(sent[23]).toBe('00c10000000e0000001500000017');
    expect(banks.get(4)!.get(23)).toEqual(new Uint8Array(20).fill(0x17));
  });

  it.each([
    ['2.0', '80010000000a00000100', 'the TPM answered response code 0x100'],
    ['1.2', '00c40000000a00000026', 'the TPM answered response code 0x26'],
    ['2.0', '8001000000', 'the TPM answered 5 bytes'],
    ['2.0', '80010000000e0000000000000007', 'its answer is cut short'],
    ['2.0', '8001000000160000000000000007ffffffff00000000', 'its answer is cut short'],
    ['1.2', '00c40000000c000000000000', 'its answer is cut short'],
  ] as const)(
    'readPcrs() of a TPM %s that answers %s fails in one line',
    async (version, answer, problem) => {
      const { execute } = tpm(() => answer);
      const reading = readPcrs(execute, version, [0x04]);
      await expect(reading).rejects.toThrow(FirmwareInterfaceError);
      await expect(reading).rejects.toThrow(
        `Reading PCR 0 of bank SHA-1 failed: ${problem}; check that the TPM is started`,
      );
    },
  );
});
