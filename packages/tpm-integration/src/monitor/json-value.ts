/** A value of a QMP message. An integer that fits 64 bits is a `bigint`, any other number is not. */
export type JsonValue =
  | null
  | boolean
  | string
  | number
  | bigint
  | readonly JsonValue[]
  | JsonObject;

/** An object of a QMP message. Parsed ones have no prototype. */
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** @returns whether `value` is an object, neither `null` nor an array */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
