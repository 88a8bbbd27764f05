import type { HeadlessMachine } from '../machine/machine.js';
import { PORT_COUNT } from '../machine/port-space.js';
import type { AnswerBuffer } from './answer-buffer.js';
import { CommandFailure, type Line } from './line.js';
import { decodeBase64, decodeHex, encodeBase64 } from './transfer.js';

/** Most bytes that one `read`, `write`, `b64read` or `b64write` moves. */
export const MAX_TRANSFER = 0x100_0000;

/** Largest signed 32-bit number. */
const INT_MAX = 0x7fff_ffff;

/** What a command works with. */
export interface CommandContext {
  readonly machine: HeadlessMachine;
  readonly line: Line;
  readonly answer: AnswerBuffer;
}

/** Obeys one command. @throws CommandFailure when that is not possible */
export type Command = (context: CommandContext) => void;

const SCRATCH = 8;

/** @returns number of hexadecimal digits of an unsigned 32-bit number */
function hexDigits(value: number): number {
  return Math.ceil((32 - Math.clz32(value)) / 4);
}

/** Builds the access commands of one width. They share a buffer, so that no access allocates. */
function accessCommands(
  width: number,
  bigEndian: boolean,
): { read: Command; write: Command; input: Command; output: Command } {
  const bytes = new Uint8Array(width);
  const value = new Uint8Array(SCRATCH);
  const view = new DataView(value.buffer);
  const place = (index: number): number => (bigEndian ? width - 1 - index : index);
  return {
    read: ({ machine, line, answer }) => {
      line.expectWords(2);
      machine.memory.busRead(line.address(1), bytes);
      value.fill(0);
      for (let index = 0; index < width; index++) value[index] = bytes[place(index)]!;
      answer.text('OK 0x');
      answer.hex(view.getUint32(4, true), 8);
      answer.hex(view.getUint32(0, true), 8);
      answer.endLine();
    },
    write: ({ machine, line, answer }) => {
      line.expectWords(3);
      const address = line.address(1);
      const { low, high } = line.number(2);
      view.setUint32(0, low, true);
      view.setUint32(4, high, true);
      for (let index = 0; index < width; index++) bytes[place(index)] = value[index]!;
      machine.memory.busWrite(address, bytes);
      answer.text('OK\n');
    },
    input: ({ machine, line, answer }) => {
      line.expectWords(2);
      const port = machine.ports.read(line.unsigned(1, PORT_COUNT - 1), width);
      answer.text('OK 0x');
      answer.hex(port, port > 0xffff ? hexDigits(port) : 4);
      answer.endLine();
    },
    output: ({ machine, line, answer }) => {
      line.expectWords(3);
      const port = line.unsigned(1, PORT_COUNT - 1);
      machine.ports.write(port, width, line.number(2).low);
      answer.text('OK\n');
    },
  };
}

function read({ machine, line, answer }: CommandContext): void {
  line.expectWords(3);
  const address = line.address(1);
  const bytes = new Uint8Array(line.unsigned(2, MAX_TRANSFER));
  // QEMU: ends the process; an empty answer could not be told from an error.
  if (bytes.length === 0) throw new CommandFailure('read: the size must not be 0');
  machine.memory.busRead(address, bytes);
  answer.text('OK 0x');
  answer.hexBytes(bytes);
  answer.endLine();
}

/** Shortest data of `write`: `0x` and one digit. */
const SHORTEST_DATA = 3;

function write({ machine, line, answer }: CommandContext): void {
  line.expectWords(4);
  const address = line.address(1);
  const size = line.unsigned(2, MAX_TRANSFER);
  const start = line.wordStart(3);
  const end = line.wordEnd(3);
  if (end - start < SHORTEST_DATA) {
    answer.text('ERR invalid argument size\n');
    return;
  }
  const bytes = new Uint8Array(size);
  decodeHex(line.bytes, start, end, bytes);
  machine.memory.busWrite(address, bytes);
  answer.text('OK\n');
}

function base64Read({ machine, line, answer }: CommandContext): void {
  line.expectWords(3);
  const address = line.address(1);
  const bytes = new Uint8Array(line.unsigned(2, MAX_TRANSFER));
  machine.memory.busRead(address, bytes);
  answer.text('OK ');
  answer.bytes(encodeBase64(bytes));
  answer.endLine();
}

function base64Write({ machine, line, answer }: CommandContext): void {
  line.expectWords(4);
  const address = line.address(1);
  const bytes = new Uint8Array(line.unsigned(2, MAX_TRANSFER));
  // QEMU: when there are fewer bytes than the size says, leftovers of its memory follow them.
  const length = decodeBase64(line.bytes, line.wordStart(3), line.wordEnd(3), bytes);
  machine.memory.busWrite(address, bytes.subarray(0, length));
  answer.text('OK\n');
}

function memset({ machine, line, answer }: CommandContext): void {
  line.expectWords(4);
  const address = line.address(1);
  const size = line.unsigned(2, Number.MAX_SAFE_INTEGER);
  machine.memory.busFill(address, size, line.number(3).low & 0xff);
  answer.text('OK\n');
}

/** Builds a command that intercepts inputs, or outputs: of those no object here has any. */
function interceptCommand(inputs: boolean): Command {
  return ({ machine, line, answer }) => {
    line.expectWords(2);
    const object = machine.findObject(line.word(1));
    if (object === undefined) throw new CommandFailure('Unknown device');
    if (!machine.intercept(object, inputs)) {
      throw new CommandFailure('IRQ intercept already enabled');
    }
    answer.text('OK\n');
  };
}

function setInterruptInput({ machine, line, answer }: CommandContext): void {
  line.expectWords(5);
  const object = machine.findObject(line.word(1));
  if (object === undefined) throw new CommandFailure('Unknown device');
  const { pins } = object;
  if (pins === undefined || line.word(2) !== 'unnamed-gpio-in') {
    throw new CommandFailure(`set_irq_in: ${object.path} has no such inputs; use unnamed-gpio-in`);
  }
  const pin = line.integer(3, 0, pins.count - 1);
  pins.set(pin, line.integer(4, -INT_MAX - 1, INT_MAX));
  answer.text('OK\n');
}

/** Time of the next timer: there are none, so that a step without a length leads nowhere. */
function clockStep({ machine, line, answer }: CommandContext): void {
  const step = line.words < 2 || line.word(1) === '' ? 0n : readTime(line);
  if (!machine.clock.advanceTo(machine.clock.now + step)) {
    throw new CommandFailure('clock_step: the time would pass 2^63 - 1 nanoseconds');
  }
  answer.text(`OK ${machine.clock.now}\n`);
}

function clockSet({ machine, line, answer }: CommandContext): void {
  line.expectWords(2);
  if (!machine.clock.advanceTo(readTime(line))) {
    throw new CommandFailure('clock_set: the time passes 2^63 - 1 nanoseconds');
  }
  answer.text(`OK ${machine.clock.now}\n`);
}

function readTime(line: Line): bigint {
  const { high, low } = line.number(1);
  return (BigInt(high) << 32n) | BigInt(low);
}

function endianness({ machine, answer }: CommandContext): void {
  answer.text(machine.bigEndian ? 'OK big\n' : 'OK little\n');
}

/** QEMU: loads a part of itself that is built as a module. There are no modules here. */
function moduleLoad({ line }: CommandContext): void {
  line.expectWords(3);
  throw new CommandFailure('');
}

const WIDTHS: readonly (readonly [suffix: string, width: number, ports: boolean])[] = [
  ['b', 1, true],
  ['w', 2, true],
  ['l', 4, true],
  ['q', 8, false],
];

/**
 * Every command of the protocol by its name (QEMU documentation, "QTest Protocol").
 *
 * @param bigEndian byte order of the machine for accesses of more than one byte
 */
export function commandTable(bigEndian: boolean): ReadonlyMap<string, Command> {
  const table = new Map<string, Command>([
    ['read', read],
    ['write', write],
    ['b64read', base64Read],
    ['b64write', base64Write],
    ['memset', memset],
    ['irq_intercept_in', interceptCommand(true)],
    ['irq_intercept_out', interceptCommand(false)],
    ['set_irq_in', setInterruptInput],
    ['clock_step', clockStep],
    ['clock_set', clockSet],
    ['endianness', endianness],
    ['module_load', moduleLoad],
  ]);
  for (const [suffix, width, ports] of WIDTHS) {
    const commands = accessCommands(width, bigEndian);
    table.set(`read${suffix}`, commands.read);
    table.set(`write${suffix}`, commands.write);
    if (!ports) continue;
    table.set(`in${suffix}`, commands.input);
    table.set(`out${suffix}`, commands.output);
  }
  return table;
}
