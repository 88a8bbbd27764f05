import { HEADER_OFFSET, HEADER_SIZE, readUint32, type TpmBackend, WireWriter } from 'tpm-core';
import { PPI_RESULT } from './ppi-layout.js';

/** Longest command that an operation sends, in bytes. */
const COMMAND_CAPACITY = 256;
/** Room for a response in bytes; the longest is that of TPM2_GetCapability. */
const RESPONSE_CAPACITY = 4096;
/** Firmware runs at locality 0. */
const FIRMWARE_LOCALITY = 0;

/** What a TPM answered to firmware. */
export interface TpmReply {
  /** {@link PPI_RESULT} that stands for the response code; success for response code 0. */
  readonly result: number;
  /** Response code; of no meaning when the back end `failed`. */
  readonly code: number;
  /** What follows the response header. */
  readonly body: Uint8Array;
}

/** @returns the {@link PPI_RESULT} of a response code: the code itself where it fits in */
function resultOf(code: number): number {
  return code <= PPI_RESULT.largestTpmError ? code : PPI_RESULT.firmwareFailure;
}

/** Commands that firmware sends to a TPM, one after the other. */
export class PpiSession {
  readonly #backend: TpmBackend;

  constructor(backend: TpmBackend) {
    this.#backend = backend;
  }

  /**
   * Sends one command.
   *
   * @param tag structure tag
   * @param code command code or ordinal
   * @param body what follows the header, written by a function
   */
  async send(
    tag: number,
    code: number,
    body: (writer: WireWriter) => WireWriter = (writer) => writer,
  ): Promise<TpmReply> {
    const writer = new WireWriter(COMMAND_CAPACITY).uint16(tag).uint32(0).uint32(code);
    body(writer).patchUint32(HEADER_OFFSET.size, writer.length);
    const { response, failed } = await this.#backend.execute({
      command: writer.finish(),
      locality: FIRMWARE_LOCALITY,
      responseCapacity: RESPONSE_CAPACITY,
    });
    const responseCode = readUint32(response, HEADER_OFFSET.code);
    return {
      result: failed ? PPI_RESULT.firmwareFailure : resultOf(responseCode),
      code: responseCode,
      body: response.subarray(HEADER_SIZE),
    };
  }
}
