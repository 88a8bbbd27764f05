import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  commandName,
  decodeCommand,
  decodeResponse,
  describeCommand,
  describeResponse,
  responseCodeName,
} from './decode.js';
import { TPM_ORD, TPM_RESULT } from './tpm12.js';
import { TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING } from './tpm20.js';

const hex = (text: string) =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

describe('constants', () => {
  it.each([
    ['TPM_CC', TPM_CC],
    ['TPM_ORD', TPM_ORD],
    ['TPM_RESULT', TPM_RESULT],
    ['TPM_RC', { ...TPM_RC, ...TPM_RC_FORMAT_ONE, ...TPM_RC_WARNING }],
  ])('%s gives each number one name', (_name, table) => {
    const values = Object.values(table);
    expect(new Set(values).size).toBe(values.length);
  });
});

describe('commandName', () => {
  it.each([
    ['2.0', 0x182, 'TPM2_PCR_Extend'],
    ['2.0', 0x11f, 'TPM2_NV_UndefineSpaceSpecial'],
    ['2.0', 0x192, 'TPM2_PolicyAuthorizeNV'],
    ['2.0', 0x99, 'TPM_CC 0x00000099'],
    ['1.2', 0x99, 'TPM_Startup'],
    ['1.2', 0x15, 'TPM_PCRRead'],
    ['1.2', 0x4000_000a, 'TSC_PhysicalPresence'],
    ['1.2', 0x7f00_0000, 'TPM_ORD 0x7f000000'],
  ] as const)('commandName(%s, %i) is %s', (family, code, name) => {
    expect(commandName(family, code)).toBe(name);
  });
});

describe('responseCodeName', () => {
  it.each([
    ['2.0', 0, 'TPM_RC_SUCCESS'],
    ['2.0', 0x100, 'TPM_RC_INITIALIZE'],
    ['2.0', 0x1c4, 'TPM_RC_VALUE, parameter 1'],
    ['2.0', 0x2c4, 'TPM_RC_VALUE, parameter 2'],
    ['2.0', 0x18b, 'TPM_RC_HANDLE, handle 1'],
    ['2.0', 0x98e, 'TPM_RC_AUTH_FAIL, session 1'],
    ['2.0', 0xc95, 'TPM_RC_SIZE, session 4'],
    ['2.0', 0x095, 'TPM_RC_SIZE'],
    ['2.0', 0x922, 'TPM_RC_RETRY'],
    ['2.0', 0x907, 'TPM_RC_LOCALITY'],
    ['2.0', 0x01e, 'TPM_RC_BAD_TAG'],
    ['2.0', 0x0bf, 'TPM_RC 0x000000bf'],
    ['1.2', 9, 'TPM_FAIL'],
    ['1.2', 0x26, 'TPM_INVALID_POSTINIT'],
    ['1.2', 0x63, 'TPM_NOCONTEXTSPACE'],
    ['1.2', 0x803, 'TPM_DEFEND_LOCK_RUNNING'],
    ['1.2', 0x60, 'TPM_RESULT 0x00000060'],
  ] as const)('responseCodeName(%s, %i) is %s', (family, code, name) => {
    expect(responseCodeName(family, code)).toBe(name);
  });
});

describe('describeCommand', () => {
  it('describeCommand() names family, tag and size of a well-formed command', () => {
    expect(describeCommand(hex('80010000000c000001440000'), 0)).toBe(
      'locality 0: TPM2_Startup (TPM_ST_NO_SESSIONS, 12 bytes)',
    );
    expect(describeCommand(hex('00c10000000c000000990001'), 2)).toBe(
      'locality 2: TPM_Startup (TPM_TAG_RQU_COMMAND, 12 bytes)',
    );
  });

  it('describeCommand() shows a size field that differs from the length', () => {
    expect(describeCommand(hex('80020000ffff00000182'), 3)).toBe(
      'locality 3: TPM2_PCR_Extend (TPM_ST_SESSIONS, 10 bytes, size field 65535)',
    );
  });
});

describe('describeResponse', () => {
  it('describeResponse() names the fabricated failure as TPM 1.2', () => {
    expect(describeResponse(hex('00c40000000a00000009'))).toBe(
      'TPM_FAIL (TPM_TAG_RSP_COMMAND, 10 bytes)',
    );
  });

  it('describeResponse() tells that a message is shorter than a header', () => {
    expect(describeResponse(hex('8001'))).toBe('message of 2 bytes, shorter than a header');
  });
});

describe('decode', () => {
  it('decodeCommand() and decodeResponse() never throw and keep the length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        for (const message of [decodeCommand(bytes), decodeResponse(bytes)]) {
          expect(message.length).toBe(bytes.length);
          expect(message.name).not.toBe('');
          expect(message.header === undefined).toBe(bytes.length < 10);
        }
      }),
    );
  });

  it('decodeCommand() leaves the family open for a foreign tag', () => {
    const message = decodeCommand(hex('12340000000a00000001'));
    expect(message.family).toBeUndefined();
    expect(message.tagName).toBe('0x1234');
    expect(message.name).toBe('code 0x00000001');
  });
});
