import { AcpiError } from '../error.js';
import { concatenate } from '../little-endian.js';
import { nameString, withPkgLength } from './encoding.js';
import {
  type AmlStatement,
  type AmlTerm,
  type Operand,
  operandBytes,
  type Target,
} from './kinds.js';

const LOCAL0_OP = 0x60;
const ARG0_OP = 0x68;
const STORE_OP = 0x70;
const ADD_OP = 0x72;
const SUBTRACT_OP = 0x74;
const SHIFT_LEFT_OP = 0x79;
const SHIFT_RIGHT_OP = 0x7a;
const AND_OP = 0x7b;
const OR_OP = 0x7d;
const XOR_OP = 0x7f;
const DEREF_OF_OP = 0x83;
const NOTIFY_OP = 0x86;
const SIZE_OF_OP = 0x87;
const INDEX_OP = 0x88;
const LAND_OP = 0x90;
const LOR_OP = 0x91;
const LNOT_OP = 0x92;
const LEQUAL_OP = 0x93;
const LGREATER_OP = 0x94;
const LLESS_OP = 0x95;
const TO_INTEGER_OP = 0x99;
const IF_OP = 0xa0;
const ELSE_OP = 0xa1;
const WHILE_OP = 0xa2;
const RETURN_OP = 0xa4;

/** The target of an operator whose result goes nowhere else. */
const NO_TARGET = Uint8Array.of(0);

function term(opcode: number | Uint8Array, ...operands: Operand[]): AmlTerm {
  return concatenate(opcode, ...operands.map(operandBytes)) as AmlTerm;
}

function withTarget(opcode: number, target: Target | undefined, ...operands: Operand[]): AmlTerm {
  const bytes = target === undefined ? NO_TARGET : operandBytes(target);
  return concatenate(opcode, ...operands.map(operandBytes), bytes) as AmlTerm;
}

function numbered(opcode: number, what: string, number: number, largest: number): AmlTerm {
  if (Number.isInteger(number) && number >= 0 && number <= largest) return term(opcode + number);
  throw new AcpiError('ERR_ACPI_VALUE', `${what}${number} does not exist; use 0 to ${largest}`);
}

/** `Local0` to `Local7` */
export function local(number: number): AmlTerm {
  return numbered(LOCAL0_OP, 'Local', number, 7);
}

/** `Arg0` to `Arg6` */
export function argument(number: number): AmlTerm {
  return numbered(ARG0_OP, 'Arg', number, 6);
}

/** A call of the method `path`; the callee's signature tells how many arguments belong to it. */
export function call(path: string, ...operands: Operand[]): AmlTerm {
  return term(nameString(path), ...operands);
}

/** `Store (source, target)` */
export function store(source: Operand, target: Target): AmlTerm {
  return term(STORE_OP, source, target);
}

/** `Add (a, b, target)` */
export function add(a: Operand, b: Operand, target?: Target): AmlTerm {
  return withTarget(ADD_OP, target, a, b);
}

/** `Subtract (a, b, target)` */
export function subtract(a: Operand, b: Operand, target?: Target): AmlTerm {
  return withTarget(SUBTRACT_OP, target, a, b);
}

/** `And (a, b, target)` */
export function and(a: Operand, b: Operand, target?: Target): AmlTerm {
  return withTarget(AND_OP, target, a, b);
}

/** `Or (a, b, target)` */
export function or(a: Operand, b: Operand, target?: Target): AmlTerm {
  return withTarget(OR_OP, target, a, b);
}

/** `XOr (a, b, target)` */
export function xor(a: Operand, b: Operand, target?: Target): AmlTerm {
  return withTarget(XOR_OP, target, a, b);
}

/** `ShiftLeft (a, count, target)` */
export function shiftLeft(a: Operand, count: Operand, target?: Target): AmlTerm {
  return withTarget(SHIFT_LEFT_OP, target, a, count);
}

/** `ShiftRight (a, count, target)` */
export function shiftRight(a: Operand, count: Operand, target?: Target): AmlTerm {
  return withTarget(SHIFT_RIGHT_OP, target, a, count);
}

/** `Index (source, index, target)` */
export function index(source: Operand, at: Operand, target?: Target): AmlTerm {
  return withTarget(INDEX_OP, target, source, at);
}

/** `ToInteger (a, target)` */
export function toInteger(a: Operand, target?: Target): AmlTerm {
  return withTarget(TO_INTEGER_OP, target, a);
}

/** `DerefOf (reference)` */
export function derefOf(reference: Operand): AmlTerm {
  return term(DEREF_OF_OP, reference);
}

/** `SizeOf (object)` */
export function sizeOf(object: Target): AmlTerm {
  return term(SIZE_OF_OP, object);
}

/** `Notify (object, value)` */
export function notify(object: Target, value: Operand): AmlStatement {
  return term(NOTIFY_OP, object, value);
}

/** `LAnd (a, b)` */
export function lAnd(a: Operand, b: Operand): AmlTerm {
  return term(LAND_OP, a, b);
}

/** `LOr (a, b)` */
export function lOr(a: Operand, b: Operand): AmlTerm {
  return term(LOR_OP, a, b);
}

/** `LNot (a)` */
export function lNot(a: Operand): AmlTerm {
  return term(LNOT_OP, a);
}

/** `LEqual (a, b)` */
export function lEqual(a: Operand, b: Operand): AmlTerm {
  return term(LEQUAL_OP, a, b);
}

/** `LNotEqual (a, b)` */
export function lNotEqual(a: Operand, b: Operand): AmlTerm {
  return lNot(lEqual(a, b));
}

/** `LGreater (a, b)` */
export function lGreater(a: Operand, b: Operand): AmlTerm {
  return term(LGREATER_OP, a, b);
}

/** `LLess (a, b)` */
export function lLess(a: Operand, b: Operand): AmlTerm {
  return term(LLESS_OP, a, b);
}

/** `LGreaterEqual (a, b)` */
export function lGreaterEqual(a: Operand, b: Operand): AmlTerm {
  return lNot(lLess(a, b));
}

/** `LLessEqual (a, b)` */
export function lLessEqual(a: Operand, b: Operand): AmlTerm {
  return lNot(lGreater(a, b));
}

/** `If (predicate) { … }`, and `Else { … }` when there is an `otherwise` */
export function ifThen(
  predicate: Operand,
  body: readonly AmlStatement[],
  otherwise?: readonly AmlStatement[],
): AmlStatement {
  const branch = withPkgLength([IF_OP], operandBytes(predicate), ...body);
  if (otherwise === undefined) return branch as AmlStatement;
  return concatenate(branch, withPkgLength([ELSE_OP], ...otherwise)) as AmlStatement;
}

/** `While (predicate) { … }` */
export function whileTrue(predicate: Operand, body: readonly AmlStatement[]): AmlStatement {
  return withPkgLength([WHILE_OP], operandBytes(predicate), ...body) as AmlStatement;
}

/** `Return (value)` */
export function returns(value: Operand): AmlStatement {
  return term(RETURN_OP, value);
}
