// v86 stores numbers, strings, booleans, byte arrays and arrays of these. Snapshots are objects, so
// they are written as arrays that begin with the kind of what follows.

import { V86Error } from './error.js';

/** Deepest nesting of a snapshot. */
const DEPTH = 16;

function refuse(what: string): never {
  throw new V86Error('ERR_V86_STATE', `Saved state: ${what}`);
}

/**
 * @param value plain data: objects, arrays, byte arrays, bigints, and what JSON has
 * @returns the same for a field of v86's state
 * @throws V86Error `ERR_V86_STATE` for anything else
 */
export function toStateField(value: unknown, depth = 0): unknown {
  if (depth > DEPTH) refuse(`a snapshot is nested deeper than ${DEPTH}`);
  if (value === null) return null;
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : refuse(`${value} can't be stored`);
    case 'bigint':
      return ['bigint', String(value)];
    case 'object':
      break;
    default:
      return refuse(`a ${typeof value} can't be stored`);
  }
  // A copy, also since v86 knows the array by the name of its class.
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return ['array', ...value.map((item) => toStateField(item, depth + 1))];
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return ['object', ...entries.flatMap(([name, field]) => [name, toStateField(field, depth + 1)])];
}

function objectOf(fields: readonly unknown[], depth: number): unknown {
  const entries: [string, unknown][] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at];
    if (typeof name !== 'string') return refuse(`a field's name is a ${typeof name}`);
    entries.push([name, fromStateField(fields[at + 1], depth + 1)]);
  }
  return Object.fromEntries(entries);
}

/**
 * The counterpart of {@link toStateField}.
 *
 * @param field untrusted
 * @throws V86Error `ERR_V86_STATE` when it is not what {@link toStateField} makes
 */
export function fromStateField(field: unknown, depth = 0): unknown {
  if (depth > DEPTH) refuse(`a field is nested deeper than ${DEPTH}`);
  if (field === null || field instanceof Uint8Array) return field;
  if (!Array.isArray(field)) {
    const isPlain = ['string', 'boolean', 'number'].includes(typeof field);
    return isPlain ? field : refuse(`a ${typeof field} is no field`);
  }
  const [kind, ...rest] = field;
  switch (kind) {
    case 'array':
      return rest.map((item) => fromStateField(item, depth + 1));
    case 'object':
      return objectOf(rest, depth);
    case 'bigint': {
      const [digits] = rest;
      const isBigint = typeof digits === 'string' && /^-?[0-9]{1,40}$/.test(digits);
      return isBigint ? BigInt(digits) : refuse('no bigint');
    }
    default:
      // A value from outside is not turned into text: its toString() may be anything.
      return refuse(
        typeof kind === 'string' ? `"${kind}" is no kind of field` : `a ${typeof kind} is no kind`,
      );
  }
}
