// Reads back the part of AML that the encoder writes. For tests only: any malformed byte throws.

/** An object, a statement or a term: its name in ASL, then what belongs to it. */
export type AmlNode = readonly [string, ...AmlPart[]];

/** A part of a node: a name or text, a number, a node, a list, or nothing (no target). */
export type AmlPart = string | number | bigint | undefined | AmlNode | readonly AmlNode[];

/** Operators with operands only, by opcode: name and number of operands. */
const OPERATORS: ReadonlyMap<number, readonly [string, number]> = new Map([
  [0x70, ['Store', 2]],
  [0x83, ['DerefOf', 1]],
  [0x86, ['Notify', 2]],
  [0x87, ['SizeOf', 1]],
  [0x90, ['LAnd', 2]],
  [0x91, ['LOr', 2]],
  [0x92, ['LNot', 1]],
  [0x93, ['LEqual', 2]],
  [0x94, ['LGreater', 2]],
  [0x95, ['LLess', 2]],
  [0xa4, ['Return', 1]],
]);

/** Operators with operands and a target, by opcode: name and number of operands. */
const TARGET_OPERATORS: ReadonlyMap<number, readonly [string, number]> = new Map([
  [0x72, ['Add', 2]],
  [0x74, ['Subtract', 2]],
  [0x79, ['ShiftLeft', 2]],
  [0x7a, ['ShiftRight', 2]],
  [0x7b, ['And', 2]],
  [0x7d, ['Or', 2]],
  [0x7f, ['XOr', 2]],
  [0x88, ['Index', 2]],
  [0x99, ['ToInteger', 1]],
]);

const FIXED_FIELDS: ReadonlyMap<number, number> = new Map([
  [0x8d, 1],
  [0x8c, 8],
  [0x8b, 16],
  [0x8a, 32],
  [0x8f, 64],
]);

const INTEGER_WIDTHS: ReadonlyMap<number, number> = new Map([
  [0x0a, 1],
  [0x0b, 2],
  [0x0c, 4],
  [0x0e, 8],
]);

const ACCESS = ['any', 'byte', 'word', 'dword', 'qword', 'buffer'];
const UPDATE = ['preserve', 'writeAsOnes', 'writeAsZeros'];

/** A decoder over a whole term list. */
export class AmlDecoder {
  readonly #bytes: Uint8Array;
  readonly #signatures: ReadonlyMap<string, number>;
  #offset = 0;
  /** End of the innermost list: an Else behind it belongs to an If further out. */
  #limit: number;

  /** @param signatures number of arguments of each method that is called */
  constructor(bytes: Uint8Array, signatures: ReadonlyMap<string, number> = new Map()) {
    this.#bytes = bytes;
    this.#limit = bytes.length;
    this.#signatures = signatures;
  }

  /** @returns every node up to the end */
  all(): AmlNode[] {
    return this.#list(this.#bytes.length);
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset++];
    if (byte === undefined) throw new Error('AML ends too early');
    return byte;
  }

  #peek(): number {
    return this.#bytes[this.#offset] ?? -1;
  }

  #list(end: number): AmlNode[] {
    const nodes: AmlNode[] = [];
    const outer = this.#limit;
    this.#limit = end;
    while (this.#offset < end) nodes.push(this.#node());
    this.#limit = outer;
    if (this.#offset !== end) throw new Error(`AML passes ${end} up to ${this.#offset}`);
    return nodes;
  }

  /** A package length: of 1 to 4 bytes, the lead byte says how many follow. */
  #packed(): number {
    const lead = this.#byte();
    const following = lead >> 6;
    if (following === 0) return lead;
    if ((lead & 0x30) !== 0) throw new Error('Reserved bits of a package length are set');
    let value = lead & 0x0f;
    for (let index = 0; index < following; index++) value += this.#byte() * 2 ** (4 + 8 * index);
    return value;
  }

  #end(): number {
    const start = this.#offset;
    return start + this.#packed();
  }

  #segment(): string {
    const text = String.fromCharCode(this.#byte(), this.#byte(), this.#byte(), this.#byte());
    if (!/^[A-Z_][A-Z0-9_]{3}$/.test(text)) throw new Error(`"${text}" is no name segment`);
    return text;
  }

  #path(): string {
    let prefix = '';
    if (this.#peek() === 0x5c) prefix = String.fromCharCode(this.#byte());
    else while (this.#peek() === 0x5e) prefix += String.fromCharCode(this.#byte());
    const lead = this.#peek();
    if (lead === 0 || lead === 0x2e || lead === 0x2f) this.#byte();
    const count = lead === 0 ? 0 : lead === 0x2e ? 2 : lead === 0x2f ? this.#byte() : 1;
    return prefix + Array.from({ length: count }, () => this.#segment()).join('.');
  }

  #unsigned(width: number): bigint {
    let value = 0n;
    for (let lane = 0; lane < width; lane++) value |= BigInt(this.#byte()) << BigInt(8 * lane);
    return value;
  }

  #integer(): bigint {
    const [kind, value] = this.#node();
    if (kind !== 'Integer') throw new Error(`${kind} is no integer`);
    return value as bigint;
  }

  #raw(end: number): string {
    const bytes = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  #nodes(count: number): AmlNode[] {
    return Array.from({ length: count }, () => this.#node());
  }

  #target(): AmlNode | undefined {
    if (this.#peek() !== 0) return this.#node();
    this.#byte();
    return undefined;
  }

  #node(): AmlNode {
    const opcode = this.#byte();
    if (opcode <= 1) return ['Integer', BigInt(opcode)];
    const width = INTEGER_WIDTHS.get(opcode);
    if (width !== undefined) return ['Integer', this.#unsigned(width)];
    if (opcode >= 0x60 && opcode < 0x68) return ['Local', opcode - 0x60];
    if (opcode >= 0x68 && opcode < 0x6f) return ['Arg', opcode - 0x68];
    const operator = OPERATORS.get(opcode);
    if (operator !== undefined) return [operator[0], ...this.#nodes(operator[1])];
    const withTarget = TARGET_OPERATORS.get(opcode);
    if (withTarget !== undefined) {
      return [withTarget[0], ...this.#nodes(withTarget[1]), this.#target()];
    }
    const bits = FIXED_FIELDS.get(opcode);
    if (bits !== undefined) return ['CreateFixedField', bits, ...this.#nodes(2), this.#path()];
    return this.#object(opcode);
  }

  #object(opcode: number): AmlNode {
    switch (opcode) {
      case 0x08:
        return ['Name', this.#path(), this.#node()];
      case 0x0d: {
        const end = this.#bytes.indexOf(0, this.#offset);
        const text = String.fromCharCode(...this.#bytes.subarray(this.#offset, end));
        this.#offset = end + 1;
        return ['String', text];
      }
      case 0x10:
      case 0x14:
        return this.#body(opcode === 0x10 ? 'Scope' : 'Method');
      case 0x11: {
        const end = this.#end();
        return ['Buffer', this.#integer(), this.#raw(end)];
      }
      case 0x12:
      case 0x13: {
        const end = this.#end();
        const count = opcode === 0x12 ? BigInt(this.#byte()) : this.#integer();
        return [opcode === 0x12 ? 'Package' : 'VarPackage', count, this.#list(end)];
      }
      case 0x5b:
        return this.#extended(this.#byte());
      case 0xa0:
      case 0xa2:
        return this.#conditional(opcode === 0xa0 ? 'If' : 'While');
    }
    this.#offset--;
    const path = this.#path();
    const count = this.#signatures.get(path);
    return count === undefined ? ['Path', path] : ['Call', path, this.#nodes(count)];
  }

  #body(kind: 'Scope' | 'Method' | 'Device'): AmlNode {
    const end = this.#end();
    const path = this.#path();
    const flags = kind === 'Method' ? [this.#byte()] : [];
    return [kind, path, ...flags, this.#list(end)];
  }

  #conditional(kind: 'If' | 'While'): AmlNode {
    const end = this.#end();
    const node: AmlNode = [kind, this.#node(), this.#list(end)];
    if (kind === 'While' || this.#offset === this.#limit || this.#peek() !== 0xa1) return node;
    this.#byte();
    return [...node, this.#list(this.#end())];
  }

  #extended(opcode: number): AmlNode {
    switch (opcode) {
      case 0x13:
        return ['CreateField', ...this.#nodes(3), this.#path()];
      case 0x80:
        return ['OperationRegion', this.#path(), this.#byte(), ...this.#nodes(2)];
      case 0x81: {
        const end = this.#end();
        const path = this.#path();
        const flags = this.#byte();
        const elements: AmlNode[] = [];
        while (this.#offset < end) elements.push(this.#fieldElement());
        const lock = (flags >> 4) & 1;
        return ['Field', path, ACCESS[flags & 0x0f], lock, UPDATE[flags >> 5], elements];
      }
      case 0x82:
        return this.#body('Device');
    }
    throw new Error(`Opcode 5B ${opcode.toString(16)} is unknown`);
  }

  #fieldElement(): AmlNode {
    if (this.#peek() !== 0) return ['FieldUnit', this.#segment(), this.#packed()];
    this.#byte();
    return ['Reserved', this.#packed()];
  }
}
