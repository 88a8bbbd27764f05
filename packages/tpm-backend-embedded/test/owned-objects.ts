import { readUint32, TPM_CC, WireWriter } from 'tpm-core';
import type { Tpm } from '../src/tpm.js';
import { commandBytes, NO_PASSWORD, responseCode } from './password-command.js';

/** Hierarchies by name. */
export const HIERARCHY = {
  owner: 0x4000_0001,
  null: 0x4000_0007,
  lockout: 0x4000_000a,
  endorsement: 0x4000_000b,
  platform: 0x4000_000c,
  platformNV: 0x4000_000d,
} as const;

/** Template of an HMAC key: the quickest object to make. */
const HMAC_KEY = Uint8Array.of(0, 8, 0, 11, 0, 4, 4, 0x72, 0, 0, 0, 5, 0, 11, 0, 0);
/** Offset of the byte with stClear in it. */
const ST_CLEAR = { offset: 7, bit: 0x04 } as const;

/** @returns four bytes */
export function uint32(value: number): Uint8Array {
  return new WireWriter(4).uint32(value).finish();
}

/** Starts a TPM. @returns the response code */
export function startup(tpm: Tpm, type: 'clear' | 'state' = 'clear'): number {
  const parameters = Uint8Array.of(0, type === 'state' ? 1 : 0);
  return responseCode(tpm.execute(commandBytes({ code: TPM_CC.Startup, parameters }), 0));
}

/** Ends orderly, powers off and on, starts. @returns the code of Startup */
export function powerCycle(
  tpm: Tpm,
  kind: 'reset' | 'restart' | 'resume' | 'disorderly' = 'reset',
): number {
  if (kind !== 'disorderly') {
    const parameters = Uint8Array.of(0, kind === 'reset' ? 0 : 1);
    tpm.execute(commandBytes({ code: TPM_CC.Shutdown, parameters }), 0);
  }
  tpm.initialize();
  return startup(tpm, kind === 'resume' ? 'state' : 'clear');
}

/** A command that a hierarchy authorizes with a password. @returns the response code */
export function authorized(
  tpm: Tpm,
  code: number,
  hierarchy: number,
  parameters: Uint8Array = new Uint8Array(0),
  password: Uint8Array = NO_PASSWORD,
): number {
  const command = commandBytes({ code, handles: [hierarchy], passwords: [password], parameters });
  return responseCode(tpm.execute(command, 0));
}

/** Makes a primary HMAC key. @returns its handle; throws when it is refused */
export function createKey(tpm: Tpm, hierarchy: number, { stClear = false } = {}): number {
  const template = HMAC_KEY.slice();
  if (stClear) template[ST_CLEAR.offset]! |= ST_CLEAR.bit;
  const response = tpm.execute(
    commandBytes({
      code: TPM_CC.CreatePrimary,
      handles: [hierarchy],
      passwords: [NO_PASSWORD],
      parameters: new WireWriter()
        .bytes(Uint8Array.of(0, 4, 0, 0, 0, 0, 0, template.length))
        .bytes(template)
        .bytes(new Uint8Array(6))
        .finish(),
    }),
    0,
  );
  if (responseCode(response) !== 0) throw new Error(`Refused with ${responseCode(response)}`);
  return readUint32(response, 10);
}

/** @returns the Name that ReadPublic shows, or the response code */
export function readName(tpm: Tpm, handle: number): Uint8Array | number {
  const response = tpm.execute(commandBytes({ code: TPM_CC.ReadPublic, handles: [handle] }), 0);
  if (responseCode(response) !== 0) return responseCode(response);
  const size = response[11]! + 256 * response[10]!;
  return response.slice(14 + size, 14 + size + 34);
}

/** @returns the context, or the response code */
export function saveContext(tpm: Tpm, handle: number): Uint8Array | number {
  const response = tpm.execute(commandBytes({ code: TPM_CC.ContextSave, handles: [handle] }), 0);
  return responseCode(response) === 0 ? response.slice(10) : responseCode(response);
}

/** @returns the handle, or the response code */
export function loadContext(tpm: Tpm, context: Uint8Array | number): number {
  if (typeof context === 'number') throw new Error(`Saving was refused with ${context}`);
  const command = commandBytes({ code: TPM_CC.ContextLoad, parameters: context });
  const response = tpm.execute(command, 0);
  return responseCode(response) === 0 ? readUint32(response, 10) : responseCode(response);
}

/** @returns the response code */
export function flush(tpm: Tpm, handle: number): number {
  const command = commandBytes({ code: TPM_CC.FlushContext, parameters: uint32(handle) });
  return responseCode(tpm.execute(command, 0));
}

/** Starts an unbound, unsalted session. @returns its handle, or the response code */
export function startSession(tpm: Tpm, type: 'hmac' | 'policy' | 'trial' = 'hmac'): number {
  const parameters = new WireWriter()
    .uint16(16)
    .bytes(new Uint8Array(16))
    .uint16(0)
    .uint8({ hmac: 0, policy: 1, trial: 3 }[type])
    .uint16(0x0010)
    .uint16(0x000b)
    .finish();
  const response = tpm.execute(
    commandBytes({
      code: TPM_CC.StartAuthSession,
      handles: [HIERARCHY.null, HIERARCHY.null],
      parameters,
    }),
    0,
  );
  return responseCode(response) === 0 ? readUint32(response, 10) : responseCode(response);
}
