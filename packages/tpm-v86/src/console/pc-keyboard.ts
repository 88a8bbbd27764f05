// What a terminal sends for a key, and what a PC keyboard sends for it (scan code set 1, US layout).

const EXTENDED = 0xe0;
const BREAK = 0x80;
const SCAN_CODE = {
  escape: 0x01,
  backspace: 0x0e,
  tab: 0x0f,
  enter: 0x1c,
  control: 0x1d,
  shift: 0x2a,
};

/** Keys in rows, each with its first scan code: the characters without and with shift. */
const ROWS: readonly (readonly [number, string, string])[] = [
  [0x02, '1234567890-=', '!@#$%^&*()_+'],
  [0x10, 'qwertyuiop[]', 'QWERTYUIOP{}'],
  [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [0x2b, '\\zxcvbnm,./', '|ZXCVBNM<>?'],
  [0x39, ' ', ' '],
];

/** A key, with what is held down meanwhile. */
interface Stroke {
  readonly codes: readonly number[];
  readonly held?: number;
}

function characterStrokes(): ReadonlyMap<string, Stroke> {
  const strokes = new Map<string, Stroke>();
  for (const [first, plain, shifted] of ROWS) {
    for (let index = 0; index < plain.length; index++) {
      const codes = [first + index];
      strokes.set(shifted[index]!, { codes, held: SCAN_CODE.shift });
      strokes.set(plain[index]!, { codes });
    }
  }
  return strokes;
}

const CHARACTERS: ReadonlyMap<string, Stroke> = characterStrokes();

/** Control characters that have a key of their own. */
const CONTROL_KEYS: ReadonlyMap<string, Stroke> = new Map([
  ['\x1b', { codes: [SCAN_CODE.escape] }],
  ['\b', { codes: [SCAN_CODE.backspace] }],
  ['\x7f', { codes: [SCAN_CODE.backspace] }],
  ['\t', { codes: [SCAN_CODE.tab] }],
  ['\r', { codes: [SCAN_CODE.enter] }],
  ['\n', { codes: [SCAN_CODE.enter] }],
]);

function extended(code: number): Stroke {
  return { codes: [EXTENDED, code] };
}

/** Sequences of xterm and of the Linux console, without their ESC. */
const SEQUENCES: readonly (readonly [string, Stroke])[] = [
  ...(['[A', 'OA'] as const).map((text) => [text, extended(0x48)] as const),
  ...(['[B', 'OB'] as const).map((text) => [text, extended(0x50)] as const),
  ...(['[C', 'OC'] as const).map((text) => [text, extended(0x4d)] as const),
  ...(['[D', 'OD'] as const).map((text) => [text, extended(0x4b)] as const),
  ...(['[H', 'OH', '[1~'] as const).map((text) => [text, extended(0x47)] as const),
  ...(['[F', 'OF', '[4~'] as const).map((text) => [text, extended(0x4f)] as const),
  ['[2~', extended(0x52)],
  ['[3~', extended(0x53)],
  ['[5~', extended(0x49)],
  ['[6~', extended(0x51)],
  ...['OP', 'OQ', 'OR', 'OS', '[15~', '[17~', '[18~', '[19~', '[20~', '[21~'].map(
    (text, index) => [text, { codes: [0x3b + index] }] as const,
  ),
  ['[23~', { codes: [0x57] }],
  ['[24~', { codes: [0x58] }],
];

/** @returns make and break codes of a key */
function codesOf({ codes, held }: Stroke): number[] {
  const released = codes.map((code) => (code === EXTENDED ? code : code | BREAK));
  return held === undefined ? [...codes, ...released] : [held, ...codes, ...released, held | BREAK];
}

/**
 * @param bytes what a terminal sent; a sequence for a key must be whole
 * @returns scan codes of the keys. What no key produces is left out
 */
export function scanCodesOf(bytes: Uint8Array): number[] {
  const text = String.fromCharCode(...bytes);
  const codes: number[] = [];
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    const rest = character === '\x1b' ? text.slice(index + 1) : '';
    const sequence = SEQUENCES.find(([start]) => rest.startsWith(start));
    if (sequence !== undefined) {
      codes.push(...codesOf(sequence[1]));
      index += sequence[0].length;
      continue;
    }
    const stroke = CONTROL_KEYS.get(character) ?? CHARACTERS.get(character);
    if (stroke !== undefined) codes.push(...codesOf(stroke));
    else codes.push(...controlCodes(character));
  }
  return codes;
}

/** @returns scan codes of Ctrl with a letter */
function controlCodes(character: string): number[] {
  const letter = String.fromCharCode(character.charCodeAt(0) | 0x60);
  const stroke = /[a-z]/.test(letter) && character < ' ' ? CHARACTERS.get(letter) : undefined;
  return stroke === undefined ? [] : codesOf({ ...stroke, held: SCAN_CODE.control });
}
