import { readUint16, TPM_CC } from 'tpm-core';
import type { Tpm } from '../src/tpm.js';
import { freshTpm } from './fresh-tpm.js';
import { startup, uint32 } from './owned-objects.js';
import { commandBytes, NO_PASSWORD, responseCode } from './password-command.js';
import { joined, sized, words } from './wire-bytes.js';

/** First index of these tests. */
export const INDEX = 0x0150_0000;
/** Owner and platform. */
export const [OWNER, PLATFORM] = [0x4000_0001, 0x4000_000c] as const;
/** Read and written by owner and index. */
export const ACCESS = 0x0006_0006;

/** What an index is defined with; an ordinary one of eight bytes, by the owner, unless given. */
export interface Definition {
  readonly attributes?: number;
  readonly size?: number;
  readonly by?: number;
  readonly auth?: Uint8Array;
  readonly policy?: Uint8Array;
  readonly nameAlg?: number;
}

/** How a command is authorized: by the index itself with an empty password unless given. */
export interface By {
  readonly by?: number;
  readonly password?: Uint8Array;
}

/** A running TPM with shorthands for the NV commands; each gives the response code. */
export class NvBench {
  readonly tpm: Tpm = freshTpm();

  constructor() {
    startupOf(this.tpm);
  }

  /** Any command with passwords. */
  send(
    code: number,
    handles: readonly number[],
    parameters: Uint8Array = new Uint8Array(0),
    passwords: readonly Uint8Array[] = [NO_PASSWORD],
  ): number {
    return responseCode(
      this.tpm.execute(commandBytes({ code, handles, passwords, parameters }), 0),
    );
  }

  define(index: number, definition: Definition = {}): number {
    const { attributes = ACCESS, size = 8, by = OWNER, nameAlg = 0x000b } = definition;
    const { auth = NO_PASSWORD, policy = NO_PASSWORD } = definition;
    const area = joined(uint32(index), words(nameAlg), uint32(attributes), sized(policy));
    const parameters = joined(sized(auth), sized(joined(area, words(size))));
    return this.send(TPM_CC.NV_DefineSpace, [by], parameters);
  }

  undefine(index: number, by: number = OWNER): number {
    return this.send(TPM_CC.NV_UndefineSpace, [by, index]);
  }

  write(index: number, data: readonly number[], offset = 0, { by = index, password }: By = {}) {
    const parameters = joined(sized(Uint8Array.from(data)), words(offset));
    return this.send(TPM_CC.NV_Write, [by, index], parameters, [password ?? NO_PASSWORD]);
  }

  /** A command about an index that has no other parameters than `parameters`. */
  use(code: number, index: number, parameters?: Uint8Array, { by = index, password }: By = {}) {
    return this.send(code, [by, index], parameters, [password ?? NO_PASSWORD]);
  }

  /** @returns the data, or the response code */
  read(index: number, size = 8, offset = 0, { by = index, password }: By = {}): number[] | number {
    const command = commandBytes({
      code: TPM_CC.NV_Read,
      handles: [by, index],
      passwords: [password ?? NO_PASSWORD],
      parameters: words(size, offset),
    });
    const response = this.tpm.execute(command, 0);
    const code = responseCode(response);
    return code === 0 ? [...response.subarray(16, 16 + readUint16(response, 14))] : code;
  }

  /** @returns the attributes that NV_ReadPublic shows, or the response code */
  attributes(index: number): number {
    const command = commandBytes({ code: TPM_CC.NV_ReadPublic, handles: [index] });
    const response = this.tpm.execute(command, 0);
    const code = responseCode(response);
    const view = new DataView(response.buffer, response.byteOffset);
    return code === 0 ? view.getUint32(18) : code;
  }
}

function startupOf(tpm: Tpm): void {
  tpm.initialize();
  if (startup(tpm) !== 0) throw new Error('Startup was refused');
}
