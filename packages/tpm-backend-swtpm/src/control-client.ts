import type { Duplex } from 'node:stream';
import type { TraceHook } from 'tpm-core';
import { ControlChannel, type ControlTimeLimits, type RequestWriter } from './control-channel.js';
import {
  type ControlCommandName,
  describeControlResult,
  INFO_TEXT_LIMIT,
  STATE_BLOB_DECRYPTED,
  STATE_BLOB_TYPE,
  type StateBlobName,
} from './control-codes.js';
import { type ControlRequest, checkUnsigned } from './control-request.js';
import type {
  BufferSizeAnswer,
  ControlFields,
  ControlResponse,
  StateBlobAnswer,
} from './control-response.js';
import { SwtpmError } from './error.js';

/**
 * The 19 commands of the swtpm control protocol as methods.
 *
 * Each method rejects with a {@link SwtpmError}: `ERR_CONTROL_REFUSED` with the `resultCode` when
 * swtpm answers with an error, the reason of the loss when the channel is lost. Requests are sent
 * one after the other in the order of the calls.
 *
 * @example
 * const features = await client.getInfo(INFO_FLAG.features);
 */
export class ControlClient {
  /** The channel underneath. */
  readonly channel: ControlChannel;

  /** @param stream a connected control socket */
  constructor(stream: Duplex, limits: ControlTimeLimits = {}) {
    this.channel = new ControlChannel(stream, limits);
  }

  /** Receives requests and answers. */
  get trace(): TraceHook | undefined {
    return this.channel.trace;
  }

  set trace(hook: TraceHook | undefined) {
    this.channel.trace = hook;
  }

  /** GET_CAPABILITY. @returns a mask of {@link CAPABILITY} bits */
  async getCapability(): Promise<number> {
    return (await this.#fields({ command: 'GET_CAPABILITY' })).capabilities;
  }

  /**
   * INIT: power-cycles the TPM, also while it runs. The locality stays.
   *
   * @param flags 0 or {@link INIT_DELETE_VOLATILE}
   */
  async init(flags: number): Promise<void> {
    checkUnsigned('INIT flags', flags, 32);
    await this.#succeed({ command: 'INIT', flags });
  }

  /** SHUTDOWN: swtpm answers, then ends. */
  async shutdown(): Promise<void> {
    await this.#succeed({ command: 'SHUTDOWN' });
  }

  /** GET_TPMESTABLISHED. @returns whether a hash sequence was completed */
  async getTpmEstablished(): Promise<boolean> {
    return (await this.#fields({ command: 'GET_TPMESTABLISHED' })).established;
  }

  /** SET_LOCALITY for all later commands. @param locality 0 to 4 */
  async setLocality(locality: number): Promise<void> {
    checkUnsigned('Locality', locality, 8);
    await this.#succeed({ command: 'SET_LOCALITY', locality });
  }

  /** HASH_START: begins a DRTM (before Startup of a TPM 2.0: H-CRTM) hash sequence. */
  async hashStart(): Promise<void> {
    await this.#succeed({ command: 'HASH_START' });
  }

  /** HASH_DATA. @param data a piece of any length */
  async hashData(data: Uint8Array): Promise<void> {
    await this.#succeed({ command: 'HASH_DATA', data });
  }

  /** HASH_END: extends the PCR and sets the established flag. */
  async hashEnd(): Promise<void> {
    await this.#succeed({ command: 'HASH_END' });
  }

  /**
   * CANCEL_TPM_CMD. swtpm reads it only after the running command ended, so it interrupts nothing;
   * a TPM 1.2 without running command answers with an error.
   */
  async cancelTpmCommand(): Promise<void> {
    await this.#succeed({ command: 'CANCEL_TPM_CMD' });
  }

  /** STORE_VOLATILE: writes the volatile state into the state directory. */
  async storeVolatile(): Promise<void> {
    await this.#succeed({ command: 'STORE_VOLATILE' });
  }

  /** RESET_TPMESTABLISHED. @param locality 3 or 4; others are refused */
  async resetTpmEstablished(locality: number): Promise<void> {
    checkUnsigned('Locality', locality, 8);
    await this.#succeed({ command: 'RESET_TPMESTABLISHED', locality });
  }

  /**
   * GET_STATEBLOB.
   *
   * @param type 1, 2 or 3, see {@link STATE_BLOB_TYPE}
   * @param flags {@link STATE_BLOB_DECRYPTED} or 0
   * @param offset where to start, in bytes
   * @returns the blob from the offset on; `undefined` when there is none
   */
  async getStateBlob(
    type: number,
    flags: number = STATE_BLOB_DECRYPTED,
    offset = 0,
  ): Promise<StateBlobAnswer | undefined> {
    const request = { command: 'GET_STATEBLOB', flags, type, offset } as const;
    const response = await this.channel.request(request);
    if (isBlobAbsent(response.code)) return undefined;
    const fields = this.#accept(request, response);
    if (fields.data.length === fields.total) return fields;
    throw new SwtpmError(
      'ERR_STATE_UNREADABLE',
      `swtpm sent ${fields.data.length} of ${fields.total} bytes of the ${blobName(type)} state`,
    );
  }

  /**
   * SET_STATEBLOB, while the TPM is stopped. After an error INIT must not follow: it would make a
   * new TPM.
   *
   * @param type 1, 2 or 3, in this order; see {@link STATE_BLOB_TYPE}
   * @param flags as {@link getStateBlob} gave them
   * @param data the whole blob; empty clears what was set for the type
   */
  async setStateBlob(type: number, flags: number, data: Uint8Array): Promise<void> {
    await this.#succeed({ command: 'SET_STATEBLOB', flags, type, data });
  }

  /** STOP: halts the TPM; swtpm stays and keeps the lock of its state. */
  async stop(): Promise<void> {
    await this.#succeed({ command: 'STOP' });
  }

  /** GET_CONFIG. @returns a mask of {@link CONFIG_FLAG} bits */
  async getConfig(): Promise<number> {
    return (await this.#fields({ command: 'GET_CONFIG' })).flags;
  }

  /** SET_DATAFD. @param write writes the request with the data descriptor attached */
  async setDataDescriptor(write: RequestWriter): Promise<void> {
    const request = { command: 'SET_DATAFD' } as const;
    this.#accept(request, await this.channel.request(request, write));
  }

  /**
   * SET_BUFFERSIZE, while the TPM is stopped. A value outside the limits is moved to the nearest.
   *
   * @param size wanted bytes; 0 asks for the present size
   */
  async setBufferSize(size: number): Promise<BufferSizeAnswer> {
    checkUnsigned('Buffer size', size, 32);
    return await this.#fields({ command: 'SET_BUFFERSIZE', size });
  }

  /**
   * GET_INFO, as often as the text needs.
   *
   * @param flags a mask of {@link INFO_FLAG} bits; unknown ones give `{}`
   * @returns JSON text
   */
  async getInfo(flags: bigint): Promise<string> {
    let text = new Uint8Array(0);
    let total = 0;
    do {
      const part = await this.#fields({ command: 'GET_INFO', flags, offset: text.length });
      total = part.total;
      if (part.text.length === 0 || total > INFO_TEXT_LIMIT) {
        const message = `swtpm sent ${text.length + part.text.length} of ${total} bytes of its information`;
        throw new SwtpmError('ERR_CONTROL_PROTOCOL', message);
      }
      text = Uint8Array.of(...text, ...part.text);
    } while (text.length < total);
    const end = text.indexOf(0);
    return new TextDecoder().decode(end < 0 ? text : text.subarray(0, end));
  }

  /** LOCK_STORAGE (swtpm 0.8). @param retries attempts, 10 ms apart */
  async lockStorage(retries: number): Promise<void> {
    checkUnsigned('Retries', retries, 32);
    await this.#succeed({ command: 'LOCK_STORAGE', retries });
  }

  async #succeed(request: ControlRequest): Promise<void> {
    this.#accept(request, await this.channel.request(request));
  }

  async #fields<Command extends ControlCommandName & keyof ControlFields>(
    request: ControlRequest & { readonly command: Command },
  ): Promise<ControlFields[Command]> {
    const response: ControlResponse<Command> = await this.channel.request(request);
    return this.#accept(request, response) as ControlFields[Command];
  }

  #accept<Fields>(
    request: ControlRequest,
    response: { readonly code: number; readonly fields: Fields },
  ): NonNullable<Fields> {
    if (response.code !== 0) {
      throw new SwtpmError(
        'ERR_CONTROL_REFUSED',
        `swtpm refused ${describeRequest(request)}: result ${describeControlResult(response.code)}`,
        { resultCode: response.code },
      );
    }
    return response.fields as NonNullable<Fields>;
  }
}

/** Bit of the result code that means "not there" rather than an error. */
const NON_FATAL_BIT = 0x800;

/** QEMU: any code with this bit counts as "no such blob". */
function isBlobAbsent(code: number): boolean {
  return (code & NON_FATAL_BIT) !== 0;
}

function blobName(type: number): string {
  const names = Object.keys(STATE_BLOB_TYPE) as StateBlobName[];
  return names.find((name) => STATE_BLOB_TYPE[name] === type) ?? `type ${type}`;
}

function describeRequest(request: ControlRequest): string {
  switch (request.command) {
    case 'SET_LOCALITY':
    case 'RESET_TPMESTABLISHED':
      return `${request.command} ${request.locality}`;
    case 'GET_STATEBLOB':
    case 'SET_STATEBLOB':
      return `${request.command} ${blobName(request.type)}`;
    case 'SET_BUFFERSIZE':
      return `${request.command} ${request.size}`;
    default:
      return request.command;
  }
}
