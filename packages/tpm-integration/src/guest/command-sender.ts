import {
  commandName,
  HEADER_SIZE,
  readHeader,
  responseCodeName,
  type TpmVersion,
  WireReader,
  WireWriter,
} from 'tpm-core';
import { GuestDriverError, type GuestTransport } from './transport.js';

const SUCCESS = 0;

/** Sends commands that must succeed, and keeps a list of what was answered. */
export class CommandSender {
  /** One line per command: its name and the name of the response code. */
  readonly steps: string[] = [];
  readonly #transport: GuestTransport;
  readonly #family: TpmVersion;

  constructor(transport: GuestTransport, family: TpmVersion) {
    this.#transport = transport;
    this.#family = family;
  }

  /**
   * @param tag structure tag of the command
   * @param code command code or ordinal
   * @param body what follows the header
   * @param tolerated a response code besides success with which to go on
   * @returns a reader of what follows the response header
   * @throws GuestDriverError when the TPM refuses the command
   */
  async send(
    tag: number,
    code: number,
    body: Uint8Array = new Uint8Array(0),
    tolerated: number = SUCCESS,
  ): Promise<WireReader> {
    const command = new WireWriter()
      .uint16(tag)
      .uint32(HEADER_SIZE + body.length)
      .uint32(code)
      .bytes(body)
      .finish();
    const response = await this.#transport.transmit(command);
    const answered = readHeader(response)?.code ?? -1;
    const name = commandName(this.#family, code);
    const outcome = responseCodeName(this.#family, answered);
    this.steps.push(`${name}: ${outcome}`);
    if (answered !== SUCCESS && answered !== tolerated) {
      throw new GuestDriverError(`${name} failed with ${outcome}`);
    }
    return new WireReader(response.subarray(HEADER_SIZE));
  }
}
