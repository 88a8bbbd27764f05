import { readUint16, readUint32, TPM_RC, TPM_RC_FORMAT_ONE, WireWriter } from 'tpm-core';
import type { ResponseCode } from '../response-code.js';

/**
 * Reads structures from untrusted bytes. The first failure stays: everything read after it is
 * zeros and empty arrays, so that a description never has to look at a code itself, and whoever
 * reads a whole parameter looks at {@link Unmarshaller.failure} once.
 */
export class Unmarshaller {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #offset: number;
  #failure: ResponseCode = TPM_RC.SUCCESS;

  constructor(bytes: Uint8Array, offset = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#end = end;
  }

  /** `TPM_RC.SUCCESS`, or the code of the first failure, without a number. */
  get failure(): ResponseCode {
    return this.#failure;
  }

  /** Offset of the next byte in the buffer. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** Notes a failure, unless there was one before. */
  fail(code: ResponseCode): void {
    if (this.#failure === TPM_RC.SUCCESS) this.#failure = code;
  }

  uint8(): number {
    return this.#take(1) ? (this.#bytes[this.#offset - 1] ?? 0) : 0;
  }

  uint16(): number {
    return this.#take(2) ? readUint16(this.#bytes, this.#offset - 2) : 0;
  }

  uint32(): number {
    return this.#take(4) ? readUint32(this.#bytes, this.#offset - 4) : 0;
  }

  uint64(): bigint {
    const high = this.uint32();
    return (BigInt(high) << 32n) | BigInt(this.uint32());
  }

  /** @returns the next 16 bits without reading on; 0 where there are fewer */
  peekUint16(): number {
    return this.remaining < 2 ? 0 : readUint16(this.#bytes, this.#offset);
  }

  /** @returns a copy of the next `length` bytes; an empty array after a failure */
  bytes(length: number): Uint8Array {
    return this.#take(length)
      ? this.#bytes.slice(this.#offset - length, this.#offset)
      : new Uint8Array(0);
  }

  #take(length: number): boolean {
    if (this.#failure !== TPM_RC.SUCCESS) return false;
    if (length > this.remaining) {
      this.#failure = TPM_RC_FORMAT_ONE.INSUFFICIENT;
      return false;
    }
    this.#offset += length;
    return true;
  }
}

/**
 * Description of a structure of TPM 2.0 Library, Part 2: how it is read from the wire with the
 * standard's checks, and how it is written. Commands are built from descriptions and contain no
 * offset arithmetic.
 */
export interface WireType<T> {
  /** Reads a value; on failure notes the code in `reader` and returns some value. */
  unmarshal(reader: Unmarshaller): T;
  /** Writes a value that was checked or made by the TPM itself. */
  marshal(writer: WireWriter, value: T): void;
  /** Whether it is a TPM2B, which session-based encryption asks of a first parameter. */
  readonly isSizedBuffer?: true;
}

/** The values that a description describes. */
export type Value<W> = W extends WireType<infer T> ? T : never;

/** Unsigned 8-bit integer. */
export const UINT8: WireType<number> = {
  unmarshal: (reader) => reader.uint8(),
  marshal: (writer, value) => void writer.uint8(value),
};

/** Unsigned 16-bit integer. */
export const UINT16: WireType<number> = {
  unmarshal: (reader) => reader.uint16(),
  marshal: (writer, value) => void writer.uint16(value),
};

/** Unsigned 32-bit integer. */
export const UINT32: WireType<number> = {
  unmarshal: (reader) => reader.uint32(),
  marshal: (writer, value) => void writer.uint32(value),
};

/** Unsigned 64-bit integer. */
export const UINT64: WireType<bigint> = {
  unmarshal: (reader) => reader.uint64(),
  marshal: (writer, value) => void writer.uint64(value),
};

/** Signed 32-bit integer. */
export const INT32: WireType<number> = {
  unmarshal: (reader) => reader.uint32() | 0,
  marshal: (writer, value) => void writer.uint32(value >>> 0),
};

/** Fixed number of bytes without a size field. */
export function fixedBytes(length: number): WireType<Uint8Array> {
  return {
    unmarshal: (reader) => reader.bytes(length),
    marshal: (writer, value) => void writer.bytes(value),
  };
}

/**
 * An integer with a condition.
 *
 * @param base the integer's width
 * @param accepts whether a value is in the type
 * @param code refusal of other values
 */
export function restricted(
  base: WireType<number>,
  accepts: (value: number) => boolean,
  code: ResponseCode,
): WireType<number> {
  return {
    unmarshal(reader) {
      const value = base.unmarshal(reader);
      if (!accepts(value)) reader.fail(code);
      return value;
    },
    marshal: base.marshal,
  };
}

/** An integer that is one of `values`. */
export function oneOf(
  base: WireType<number>,
  values: readonly number[],
  code: ResponseCode,
): WireType<number> {
  return restricted(base, (value) => values.includes(value), code);
}

/** An attribute structure: bits outside `defined` are refused with TPM_RC_RESERVED_BITS. */
export function attributes(base: WireType<number>, defined: number): WireType<number> {
  const reserved = ~defined >>> 0;
  return restricted(base, (value) => (value & reserved) === 0, TPM_RC_FORMAT_ONE.RESERVED_BITS);
}

/** A TPM2B of plain bytes, at most `max` of them (TPM_RC_SIZE above). */
export function sizedBytes(max: number): WireType<Uint8Array> {
  return {
    isSizedBuffer: true,
    unmarshal(reader) {
      const size = reader.uint16();
      if (size > max) reader.fail(TPM_RC_FORMAT_ONE.SIZE);
      return reader.bytes(size);
    },
    marshal: (writer, value) => void writer.uint16(value.length).bytes(value),
  };
}

/** A TPM2B around a structure. The size must be that of the structure, and not zero. */
export function sizedStructure<T>(type: WireType<T>): WireType<T> {
  return {
    isSizedBuffer: true,
    unmarshal(reader) {
      const size = reader.uint16();
      if (size === 0) reader.fail(TPM_RC_FORMAT_ONE.SIZE);
      const start = reader.offset;
      const value = type.unmarshal(reader);
      if (reader.offset - start !== size) reader.fail(TPM_RC_FORMAT_ONE.SIZE);
      return value;
    },
    marshal: (writer, value) => {
      const inner = new WireWriter();
      type.marshal(inner, value);
      const bytes = inner.finish();
      writer.uint16(bytes.length).bytes(bytes);
    },
  };
}

/** A TPM2B around a structure, or an empty one, which is `undefined`. */
export function optionalStructure<T>(type: WireType<T>): WireType<T | undefined> {
  const present = sizedStructure(type);
  return {
    isSizedBuffer: true,
    unmarshal(reader) {
      if (reader.peekUint16() !== 0) return present.unmarshal(reader);
      reader.uint16();
      return undefined;
    },
    marshal(writer, value) {
      if (value === undefined) writer.uint16(0);
      else present.marshal(writer, value);
    },
  };
}

/** A TPML: a 32-bit count from `min` to `max` (TPM_RC_SIZE for others), and the elements. */
export function list<T>(type: WireType<T>, max: number, min = 0): WireType<readonly T[]> {
  return {
    unmarshal(reader) {
      const count = reader.uint32();
      if (count < min || count > max) reader.fail(TPM_RC_FORMAT_ONE.SIZE);
      const elements: T[] = [];
      while (elements.length < count && reader.failure === TPM_RC.SUCCESS) {
        elements.push(type.unmarshal(reader));
      }
      return elements;
    },
    marshal(writer, value) {
      writer.uint32(value.length);
      for (const element of value) type.marshal(writer, element);
    },
  };
}

/** Descriptions of a structure's fields, in the order of the wire. */
export type Fields<T> = { readonly [K in keyof T]-?: WireType<T[K]> };

/** A structure: its fields one after the other. */
export function structure<T extends object>(fields: Fields<T>): WireType<T> {
  const entries = Object.entries(fields) as [keyof T, WireType<T[keyof T]>][];
  return {
    unmarshal(reader) {
      const value = {} as T;
      for (const [name, type] of entries) value[name] = type.unmarshal(reader);
      return value;
    },
    marshal(writer, value) {
      for (const [name, type] of entries) type.marshal(writer, value[name]);
    },
  };
}

/**
 * A structure whose fields after the first depend on it (a TPMT with its TPMU). `head` reads the
 * selector; `cases` has the remaining fields by selector value.
 */
export function selected<T extends object, K extends keyof T>(
  selector: K,
  head: WireType<T[K] & number>,
  cases: Readonly<Record<number, WireType<Omit<T, K>>>>,
): WireType<T> {
  return {
    unmarshal(reader) {
      const selection = head.unmarshal(reader);
      const rest = cases[selection];
      if (rest === undefined) reader.fail(TPM_RC_FORMAT_ONE.SELECTOR);
      return { [selector]: selection, ...rest?.unmarshal(reader) } as T;
    },
    marshal(writer, value) {
      const selection = value[selector] as T[K] & number;
      head.marshal(writer, selection);
      cases[selection]!.marshal(writer, value);
    },
  };
}

/** Values that are not on the wire: what a case of {@link selected} fills in for absent fields. */
export function constant<T>(value: T): WireType<T> {
  return { unmarshal: () => value, marshal: () => {} };
}

/** @returns the bytes of a value */
export function marshalled<T>(type: WireType<T>, value: T): Uint8Array {
  const writer = new WireWriter();
  type.marshal(writer, value);
  return writer.finish();
}

/** A boolean of the TPM's own state: one byte, 0 or 1. */
export const BOOLEAN: WireType<boolean> = {
  unmarshal(reader) {
    const value = reader.uint8();
    if (value > 1) reader.fail(TPM_RC_FORMAT_ONE.VALUE);
    return value === 1;
  },
  marshal: (writer, value) => void writer.uint8(value ? 1 : 0),
};

/** Bytes of the TPM's own state: a 32-bit length, at most `max`, and the bytes. */
export function longBytes(max: number): WireType<Uint8Array> {
  return {
    unmarshal(reader) {
      const length = reader.uint32();
      if (length > max) reader.fail(TPM_RC_FORMAT_ONE.SIZE);
      return reader.bytes(length);
    },
    marshal: (writer, value) => void writer.uint32(value.length).bytes(value),
  };
}

/** A value of the TPM's own state that may be absent: one byte, 0 or 1, and the value. */
export function optional<T>(type: WireType<T>): WireType<T | undefined> {
  return {
    unmarshal: (reader) => (BOOLEAN.unmarshal(reader) ? type.unmarshal(reader) : undefined),
    marshal(writer, value) {
      BOOLEAN.marshal(writer, value !== undefined);
      if (value !== undefined) type.marshal(writer, value);
    },
  };
}
