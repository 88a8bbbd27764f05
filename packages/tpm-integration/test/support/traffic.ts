import type { TpmVersion } from 'tpm-core';

/** One step of a random session: a qtest command or a machine reset. */
export interface TrafficStep {
  /** The qtest command; empty for a reset. */
  readonly line: string;
  /** Whether it writes to the register that starts a command, so that one may run afterwards. */
  readonly mayStart: boolean;
}

/** The step that resets the machine. */
export const RESET: TrafficStep = { line: '', mayStart: false };

/** Generates sessions of a guest at a device. */
export interface Traffic {
  /** @returns the steps of one episode, about 5 to 100 */
  episode(): TrafficStep[];
  /** @returns the steps of a command that is sent, and of what others do meanwhile */
  execution(): TrafficStep[];
}

/** Suffixes of qtest accesses and their widths in bytes. */
export const SUFFIXES: readonly (readonly [suffix: string, width: number])[] = [
  ['b', 1],
  ['w', 2],
  ['l', 4],
  ['q', 8],
];

/** TPM commands whose answers depend on nothing but what was done before. */
export const COMMANDS: Readonly<Record<TpmVersion, readonly string[]>> = {
  '2.0': [
    '80010000000c000001440000', // Startup(CLEAR)
    '80010000000b0000014301', // SelfTest(full)
    '8001000000160000017a000000050000000000000008', // GetCapability(PCRS)
    '8001000000160000017a000000000000000100000040', // GetCapability(ALGS)
    '8001000000160000017a000000060000011200000001', // GetCapability(PCR_COUNT)
    '8001000000140000017e00000001000b03010000', // PCR_Read(SHA-256, 0)
    '8001000000140000017e000000010004030000ff', // PCR_Read(SHA-1, 16 to 23)
    `80020000004100000182000000030000000940000009000000000000000001000b${'5a'.repeat(32)}`,
    `800200000035000001820000001000000009400000090000000000000000010004${'c3'.repeat(20)}`,
    '80010000000affffffff', // no such command
    '80010000000c0000014400', // shorter than it says
    '000000000010000000000000000000ff', // no such tag
  ],
  '1.2': [
    '00c10000000c000000990001', // Startup(CLEAR)
    '00c10000000a00000053', // ContinueSelfTest
    '00c10000000a00000050', // SelfTestFull
    '00c100000016000000650000000500000004' + '00000101', // GetCapability(PCR count)
    '00c10000000e0000001500000007', // PCRRead(7)
    `00c1000000220000001400000007${'5a'.repeat(20)}`, // Extend(7)
    '00c10000000affffffff', // no such ordinal
    '000000000010000000000000000000ff', // no such tag
  ],
};

/** @returns a number as qtest takes it */
export function hexOf(value: number): string {
  return `0x${value.toString(16)}`;
}
