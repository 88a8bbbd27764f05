import { readUint32, TPM_ST, WireWriter } from 'tpm-core';

/** A command as plain callers send it: with passwords or without sessions. */
export interface PlainCommand {
  /** TPM_CC. */
  readonly code: number;
  readonly handles?: readonly number[];
  /** Authorization values of the handles that need one; no session area when left out. */
  readonly passwords?: readonly Uint8Array[];
  /** Parameter area. */
  readonly parameters?: Uint8Array;
}

/** An empty password, the authorization value of everything that is new. */
export const NO_PASSWORD: Uint8Array = new Uint8Array(0);

/** @returns the command's bytes */
export function commandBytes(command: PlainCommand): Uint8Array {
  const { code, handles = [], passwords, parameters = new Uint8Array(0) } = command;
  const writer = new WireWriter();
  writer.uint16(passwords === undefined ? TPM_ST.NO_SESSIONS : TPM_ST.SESSIONS);
  writer.uint32(0).uint32(code);
  for (const handle of handles) writer.uint32(handle);
  if (passwords !== undefined) {
    writer.uint32(passwords.reduce((size, password) => size + 9 + password.length, 0));
    for (const password of passwords) {
      writer.uint32(0x4000_0009).uint16(0).uint8(0).uint16(password.length).bytes(password);
    }
  }
  writer.bytes(parameters);
  return writer.patchUint32(2, writer.length).finish();
}

/** @returns the response code */
export function responseCode(response: Uint8Array): number {
  return readUint32(response, 6);
}
