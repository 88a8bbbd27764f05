import type { GuestTransport } from '../../src/guest/transport.js';
import { until } from './peers.js';
import { type QtestClient, writeLine } from './qtest-client.js';

const REGISTER = { locControl: 0x08, request: 0x40, status: 0x44, start: 0x4c } as const;
const DATA_OFFSET = 0x80;
const HEADER_SIZE = 10;
const STATUS_ERROR = 0x01n;
const START = 0x01n;

/** Sends TPM commands through the command response buffer over qtest, as a driver does. */
export class QtestCrb implements GuestTransport {
  readonly #qtest: QtestClient;
  readonly #base: number;

  constructor(qtest: QtestClient, base = 0xfed4_0000) {
    this.#qtest = qtest;
    this.#base = base;
  }

  /** Requests the locality, writes a command and lets it run. */
  async submit(command: Uint8Array): Promise<void> {
    await this.#write(REGISTER.locControl, 1n);
    await this.#write(REGISTER.request, 1n);
    const place = `0x${(this.#base + DATA_OFFSET).toString(16)}`;
    const bytes = Buffer.from(command).toString('hex');
    await this.#expectOk(`write ${place} ${command.length} 0x${bytes}`);
    await this.#write(REGISTER.start, START);
  }

  /** Whether the device still waits for the answer. */
  async isRunning(): Promise<boolean> {
    return ((await this.#read(REGISTER.start)) & START) !== 0n;
  }

  /** Whether the device reports a fatal error. */
  async hasFailed(): Promise<boolean> {
    return ((await this.#read(REGISTER.status)) & STATUS_ERROR) !== 0n;
  }

  /** Waits for the response. */
  async response(): Promise<Uint8Array> {
    await until(async () => !(await this.isRunning()), 'the answer of the TPM');
    const header = await this.#readData(HEADER_SIZE);
    const response = await this.#readData(header.readUInt32BE(2));
    await this.#write(REGISTER.request, 2n);
    return response;
  }

  async transmit(command: Uint8Array): Promise<Uint8Array> {
    await this.submit(command);
    return await this.response();
  }

  async #readData(length: number): Promise<Buffer> {
    const line = `read 0x${(this.#base + DATA_OFFSET).toString(16)} ${length}`;
    const { answer } = await this.#qtest.command(line);
    if (!answer.startsWith('OK 0x')) throw new Error(`${line} gave "${answer}"`);
    return Buffer.from(answer.slice(5), 'hex');
  }

  #read(offset: number): Promise<bigint> {
    return this.#qtest.read(this.#base + offset, 4);
  }

  #write(offset: number, value: bigint): Promise<void> {
    return this.#expectOk(writeLine(this.#base + offset, 4, value));
  }

  async #expectOk(line: string): Promise<void> {
    const { answer } = await this.#qtest.command(line);
    if (answer !== 'OK') throw new Error(`${line} gave "${answer}"`);
  }
}
