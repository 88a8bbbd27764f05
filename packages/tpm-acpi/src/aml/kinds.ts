import { integerBytes, nameString } from './encoding.js';

declare const amlKind: unique symbol;

/** Bytes of something that may stand in the body of a scope, a device or a method. */
export interface AmlStatement extends Uint8Array {
  readonly [amlKind]: 'statement' | 'term' | 'data';
}

/** Bytes of something that has a value: an operator, a local, an argument, a method call, data. */
export interface AmlTerm extends AmlStatement {
  readonly [amlKind]: 'term' | 'data';
}

/** Bytes of a constant: an integer, a string, a buffer or a package. */
export interface AmlData extends AmlTerm {
  readonly [amlKind]: 'data';
}

/** Bytes of an element of a field list. */
export interface AmlFieldElement extends Uint8Array {
  readonly [amlKind]: 'field element';
}

/** Bytes of a descriptor of a resource template. */
export interface AmlResource extends Uint8Array {
  readonly [amlKind]: 'resource';
}

/** A value: a term, an integer, or the path of a named object as a string. */
export type Operand = AmlTerm | number | bigint | string;

/** Where a result goes: a term such as a local, or the path of a named object. */
export type Target = AmlTerm | string;

/** A constant: data or an integer. */
export type Constant = AmlData | number | bigint;

/** @returns the bytes of a value */
export function operandBytes(operand: Operand): Uint8Array {
  if (typeof operand === 'string') return nameString(operand);
  return typeof operand === 'object' ? operand : integerBytes(operand);
}
