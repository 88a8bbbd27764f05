import { isJsonObject, type JsonValue } from './json-value.js';

/** Escapes with a letter of their own. */
const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** Significant digits that tell any two doubles apart. */
const DOUBLE_DIGITS = 17;

/** Decimal exponents from which on a double is printed in scientific notation. */
const SCIENTIFIC = { below: -4, from: DOUBLE_DIGITS } as const;

/**
 * Prints a value as QEMU does: `, ` and `: ` between parts, ASCII only, doubles with 17 digits.
 *
 * @param value the value
 * @param pretty whether every member gets a line of its own, indented by 4
 */
export function printJson(value: JsonValue, pretty = false): string {
  return print(value, pretty ? '\n' : undefined);
}

/** @param newline line feed and indentation of the current level; `undefined` for one line */
function print(value: JsonValue, newline: string | undefined): string {
  if (typeof value === 'string') return printString(value);
  if (typeof value === 'number') return printDouble(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const inner = newline === undefined ? undefined : `${newline}    `;
  const [open, close] = isJsonObject(value) ? '{}' : '[]';
  const items = isJsonObject(value)
    ? Object.entries(value).map(([name, item]) => `${printString(name)}: ${print(item, inner)}`)
    : value.map((item) => print(item, inner));
  if (inner === undefined) return `${open}${items.join(', ')}${close}`;
  return `${open}${items.map((item) => `${inner}${item}`).join(',')}${newline}${close}`;
}

function printString(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to escape
  const escaped = text.replace(/["\\\u0000-\u001f\u007f-\uffff]/g, (unit) => {
    const code = unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return SHORT_ESCAPES[unit] ?? `\\u${code}`;
  });
  return `"${escaped}"`;
}

/**
 * QEMU prints an infinite value as `inf`, which is not JSON; here it is a number too large for a
 * double, so that a reader gets infinity back.
 */
function printDouble(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '1e999' : value < 0 ? '-1e999' : 'null';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [digits, exponentText] = value.toExponential(DOUBLE_DIGITS - 1).split('e');
  const exponent = Number(exponentText);
  if (exponent >= SCIENTIFIC.below && exponent < SCIENTIFIC.from) {
    const fixed = value.toFixed(Math.max(0, DOUBLE_DIGITS - 1 - exponent));
    return fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed;
  }
  const mantissa = digits!.replace(/\.?0+$/, '');
  const sign = exponent < 0 ? '-' : '+';
  return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
