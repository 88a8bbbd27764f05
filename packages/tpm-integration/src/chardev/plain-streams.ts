import { closeSync, openSync, write } from 'node:fs';
import { Duplex } from 'node:stream';

/** @returns a stream that takes everything and gives nothing (QEMU: `null`) */
export function createNullStream(): Duplex {
  return new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      done();
    },
  });
}

/**
 * @param path the file, created when it is missing
 * @param append whether what is there stays
 * @returns a stream that writes to the file and gives nothing (QEMU: `file`)
 * @throws the error of the operating system when the file can't be opened
 */
export function createFileStream(path: string, append: boolean): Duplex {
  const file = openSync(path, append ? 'a' : 'w');
  return new Duplex({
    read() {},
    write(chunk: Uint8Array, _encoding, done) {
      writeWhole(file, chunk, done);
    },
    destroy(error, done) {
      closeSync(file);
      done(error);
    },
  });
}

function writeWhole(file: number, bytes: Uint8Array, done: (error?: Error | null) => void): void {
  write(file, bytes, (error, written) => {
    if (error !== null || written === bytes.length) done(error);
    else writeWhole(file, bytes.subarray(written), done);
  });
}

/** Interrupt character of a terminal (control-C). */
const INTERRUPT = 0x03;

/**
 * @param onInterrupt called when control-C is typed on a terminal, which is in raw mode here
 * @returns a stream of standard input and output (QEMU: `stdio`)
 */
export function createStandardStream(onInterrupt: () => void): Duplex {
  const { stdin, stdout } = process;
  const stream = new Duplex({
    read() {
      stdin.resume();
    },
    write(chunk: Uint8Array, _encoding, done) {
      stdout.write(chunk, done);
    },
    destroy(error, done) {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.off('data', receive).off('end', end).pause();
      stdout.off('error', fail);
      done(error);
    },
  });
  const receive = (chunk: Buffer) => {
    if (stdin.isTTY && chunk.includes(INTERRUPT)) onInterrupt();
    else if (!stream.push(chunk)) stdin.pause();
  };
  // QEMU: at the end of standard input the device stays open; there is just no more input.
  const end = () => void stdin.pause();
  const fail = () => void stream.destroy();
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on('data', receive).on('end', end).pause();
  stdout.on('error', fail);
  return stream;
}
