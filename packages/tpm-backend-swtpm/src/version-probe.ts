import type { Duplex } from 'node:stream';
import { HEADER_OFFSET, HEADER_SIZE, readUint16, readUint32, type TpmVersion } from 'tpm-core';
import { SwtpmError } from './error.js';

/** TPM2_ReadClock (TPM 2.0 Part 3, section 29.1). */
const READ_CLOCK = Uint8Array.of(0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x81);
/** Tag of a TPM 2.0 response without sessions. */
const TAG_NO_SESSIONS = 0x8001;
/** TPM_GetTicks (TPM 1.2 Part 3). */
const GET_TICKS = Uint8Array.of(0x00, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0xf1);
/** Tag of a TPM 1.2 response without authorisation. */
const TAG_RESPONSE = 0x00c4;

/** Longest answer to a probe, in bytes. */
const PROBE_ANSWER_LIMIT = 1024;

/** How long one probe waits for its answer, in milliseconds. QEMU: one second. */
export const PROBE_TIME_LIMIT = 1000;

/**
 * Finds the TPM's family on a data channel, before INIT too: the response's tag tells, the response
 * code doesn't matter. QEMU: the same two commands in this order, whatever the peer is.
 *
 * @param stream a connected data socket; nobody else listens. It is paused afterwards
 * @param timeLimit milliseconds that each of the two steps waits
 * @throws SwtpmError `ERR_NOT_A_TPM` when neither command is answered as a TPM does,
 *   `ERR_DATA_LOST` when the socket closes
 */
export async function probeTpmVersion(
  stream: Duplex,
  timeLimit: number = PROBE_TIME_LIMIT,
): Promise<TpmVersion> {
  const first = await exchange(stream, READ_CLOCK, timeLimit);
  if (first.tag === TAG_NO_SESSIONS) return '2.0';
  const second = await exchange(stream, GET_TICKS, timeLimit);
  if (second.tag === TAG_RESPONSE) return '1.2';
  throw new SwtpmError(
    'ERR_NOT_A_TPM',
    `The data channel is not that of a TPM: TPM2_ReadClock got ${first.seen}, TPM_GetTicks got ${second.seen}`,
  );
}

interface ProbeAnswer {
  /** Tag of a well-formed response. */
  readonly tag?: number;
  /** What arrived, for people. */
  readonly seen: string;
}

function exchange(stream: Duplex, command: Uint8Array, timeLimit: number): Promise<ProbeAnswer> {
  return new Promise((resolve, reject) => {
    let received = new Uint8Array(0);
    const finish = (): void => {
      clearTimeout(timer);
      stream.off('data', take).off('error', fail).off('end', fail).off('close', fail);
      stream.pause();
    };
    const answer = (tag?: number): void => {
      finish();
      const seen = received.length === 0 ? 'no answer' : hexadecimal(received);
      resolve(tag === undefined ? { seen } : { tag, seen });
    };
    const take = (chunk: Uint8Array): void => {
      received = Uint8Array.of(...received, ...chunk.subarray(0, PROBE_ANSWER_LIMIT + 1));
      if (received.length < HEADER_SIZE) return;
      const size = readUint32(received, HEADER_OFFSET.size);
      if (size === received.length && size <= PROBE_ANSWER_LIMIT) answer(readUint16(received, 0));
      else if (size < received.length || size > PROBE_ANSWER_LIMIT) answer();
    };
    const fail = (cause?: Error): void => {
      finish();
      const reason = cause === undefined ? 'was closed' : `failed: ${cause.message}`;
      const message = `Data channel ${reason} while the TPM version was asked for`;
      reject(new SwtpmError('ERR_DATA_LOST', message, cause && { cause }));
    };
    const timer = setTimeout(answer, timeLimit);
    if (stream.destroyed) {
      fail();
      return;
    }
    stream.on('data', take).on('error', fail).on('end', fail).on('close', fail);
    stream.resume();
    stream.write(command);
  });
}

function hexadecimal(bytes: Uint8Array): string {
  const shown = [...bytes.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, '0'));
  return `${shown.join('')}${bytes.length > 16 ? '…' : ''} (${bytes.length} bytes)`;
}
