const TRUE_WORDS: readonly string[] = ['on', 'yes', 'true', 'y'];
const FALSE_WORDS: readonly string[] = ['off', 'no', 'false', 'n'];
const BYTES_PER_MEBIBYTE = 2 ** 20;
const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
  e: 2 ** 60,
};

/** @returns the boolean that `text` spells (`on`, `yes`, `true`, `y` and their opposites) */
export function parseBoolean(text: string): boolean | undefined {
  if (TRUE_WORDS.includes(text)) return true;
  if (FALSE_WORDS.includes(text)) return false;
  return undefined;
}

/** @returns whether `text` can name an object: a letter, then letters, digits, `-`, `.`, `_` */
export function isIdentifier(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9._-]*$/.test(text);
}

/** What {@link isIdentifier} asks for, for a message. */
export const IDENTIFIER_RULE =
  "an identifier (letters, digits, '-', '.', '_', starting with a letter)";

/**
 * @param text a decimal, hexadecimal (`0x`) or octal (leading `0`) integer
 * @returns the number, or `undefined` when `text` is no integer
 */
export function parseInteger(text: string): bigint | undefined {
  const match = /^([+-]?)(0x[0-9a-f]+|[0-9]+)$/i.exec(text.trimStart());
  if (match === null) return undefined;
  const digits = match[2]!;
  const octal = /^0[0-9]/.test(digits);
  if (octal && /[89]/.test(digits)) return undefined;
  const magnitude = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  return match[1] === '-' ? -magnitude : magnitude;
}

/**
 * @param text a size such as `128`, `1G`, `1.5G` or `0x10`; without a unit it counts mebibytes
 * @returns the size in bytes, or `undefined` when `text` is no size below 2^53
 */
export function parseMemorySize(text: string): number | undefined {
  const match = /^(?:(0x[0-9a-f]+)|([0-9]+(?:\.[0-9]+)?))([bkmgtpe]?)$/i.exec(text);
  if (match === null) return undefined;
  const unit = match[3]!.toLowerCase();
  const digits = match[1] ?? match[2]!;
  if (digits.includes('.') && (unit === '' || unit === 'b')) return undefined;
  const bytes = Number(digits) * (unit === '' ? BYTES_PER_MEBIBYTE : SIZE_UNITS[unit]!);
  return Number.isSafeInteger(Math.trunc(bytes)) ? Math.trunc(bytes) : undefined;
}
