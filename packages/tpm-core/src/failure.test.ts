import { describe, expect, it } from 'vitest';
import { fabricateFailureResponse, isSelfTestDone, isWellFormedResponse } from './failure.js';

const command = (code: number) => Uint8Array.of(0, 0xc1, 0, 0, 0, 10, 0, 0, code >> 8, code);
const response = (code: number) => Uint8Array.of(0, 0xc4, 0, 0, 0, 10, 0, 0, 0, code);

describe('fabricateFailureResponse', () => {
  it('fabricateFailureResponse() gives ten bytes with TPM_FAIL, a new array each time', () => {
    const first = fabricateFailureResponse();
    expect([...first]).toEqual([0x00, 0xc4, 0, 0, 0, 10, 0, 0, 0, 9]);
    first.fill(0xff);
    expect(fabricateFailureResponse()[0]).toBe(0);
  });
});

describe('isWellFormedResponse', () => {
  it.each([
    ['equal to its size field', 10, 10, 4096, true],
    ['shorter than a header', 9, 9, 4096, false],
    ['longer than its size field', 11, 10, 4096, false],
    ['shorter than its size field', 10, 11, 4096, false],
    ['at the capacity', 64, 64, 64, true],
    ['beyond the capacity', 65, 65, 64, false],
  ])('isWellFormedResponse() of a response %s', (_case, length, size, capacity, expected) => {
    const bytes = new Uint8Array(length);
    bytes[5] = size;
    expect(isWellFormedResponse(bytes, capacity)).toBe(expected);
  });
});

describe('isSelfTestDone', () => {
  it.each([
    ['TPM_ContinueSelfTest with success', 0x53, 0, true],
    ['TPM_ContinueSelfTest with an error', 0x53, 9, false],
    ['TPM2_SelfTest with success', 0x143, 0, false],
  ])('isSelfTestDone() of %s', (_case, code, result, expected) => {
    expect(isSelfTestDone(command(code), response(result))).toBe(expected);
  });

  it('isSelfTestDone() is false for messages without a header', () => {
    expect(isSelfTestDone(new Uint8Array(4), response(0))).toBe(false);
    expect(isSelfTestDone(command(0x53), new Uint8Array(0))).toBe(false);
  });
});
