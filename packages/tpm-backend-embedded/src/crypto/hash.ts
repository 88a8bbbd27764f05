import { _SHA1 } from '@noble/hashes/legacy.js';
import { _SHA256, _SHA384, _SHA512 } from '@noble/hashes/sha2.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';

/**
 * A hash in progress. Its state can be kept as bytes and taken up again, which sequence objects
 * and saved contexts need.
 */
export interface RunningHash {
  /** Takes `data` in; `data` is not kept. */
  update(data: Uint8Array): this;
  /** Ends the hash: no other call may follow. @returns the digest or the HMAC */
  digest(): Uint8Array;
  /** @returns the state as bytes, at most 8 + 64 + 127 (hash) or 64 more (HMAC) */
  exportState(): Uint8Array;
}

/** A hash algorithm that this TPM implements. */
export interface HashAlgorithm {
  /** TPM_ALG_ID. */
  readonly id: number;
  /** Size of the digest in bytes. */
  readonly digestSize: number;
  /** Size of the compression function's block in bytes. */
  readonly blockSize: number;
  /** @returns the digest over the parts, one after the other */
  digest(...parts: Uint8Array[]): Uint8Array;
  /** @returns HMAC (FIPS 198-1) over the parts, one after the other; any key length */
  hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array;
  /** @returns a hash over nothing yet */
  start(): RunningHash;
  /** @returns an HMAC over nothing yet; any key length */
  startHmac(key: Uint8Array): RunningHash;
  /** @returns the hash that `exportState()` of {@link start} wrote, `undefined` for other bytes */
  importState(state: Uint8Array): RunningHash | undefined;
  /** The same for {@link startHmac}. The state holds no key, but it is as secret as one. */
  importHmacState(state: Uint8Array): RunningHash | undefined;
}

/**
 * What the hash classes of @noble/hashes keep (class `HashMD`): the library has no public way to
 * write a state down. A test fails when a version of the library arranges it differently.
 */
interface MerkleDamgard {
  buffer: Uint8Array;
  length: number;
  pos: number;
  get(): number[];
  set(...words: number[]): void;
  update(data: Uint8Array): unknown;
  digest(): Uint8Array;
}

interface Shape {
  readonly id: number;
  readonly digestSize: number;
  readonly blockSize: number;
  /** Number of 32-bit words of the chaining value. */
  readonly words: number;
  readonly create: () => MerkleDamgard;
}

const LENGTH_SIZE = 8;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

function merkleDamgard(hash: object): MerkleDamgard {
  return hash as MerkleDamgard;
}

function exportChaining(hash: MerkleDamgard): Uint8Array {
  const words = hash.get();
  const bytes = new Uint8Array(4 * words.length);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(4 * index, word);
  return bytes;
}

function importChaining(hash: MerkleDamgard, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  hash.set(...Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(4 * index)));
}

/** Layout: bytes hashed so far (8) ‖ chaining value ‖ bytes of the block that is not full yet. */
function exportHash(hash: MerkleDamgard): Uint8Array {
  const chaining = exportChaining(hash);
  const state = new Uint8Array(LENGTH_SIZE + chaining.length + hash.pos);
  new DataView(state.buffer).setBigUint64(0, BigInt(hash.length));
  state.set(chaining, LENGTH_SIZE);
  state.set(hash.buffer.subarray(0, hash.pos), LENGTH_SIZE + chaining.length);
  return state;
}

function importHash(shape: Shape, state: Uint8Array): MerkleDamgard | undefined {
  const head = LENGTH_SIZE + 4 * shape.words;
  if (state.length < head) return undefined;
  const length = Number(new DataView(state.buffer, state.byteOffset).getBigUint64(0));
  if (!Number.isSafeInteger(length)) return undefined;
  const pending = length % shape.blockSize;
  if (state.length !== head + pending) return undefined;
  const hash = shape.create();
  importChaining(hash, state.subarray(LENGTH_SIZE, head));
  hash.buffer.set(state.subarray(head));
  hash.pos = pending;
  hash.length = length;
  return hash;
}

class PlainHash implements RunningHash {
  readonly #hash: MerkleDamgard;

  constructor(hash: MerkleDamgard) {
    this.#hash = hash;
  }

  update(data: Uint8Array): this {
    this.#hash.update(data);
    return this;
  }

  digest(): Uint8Array {
    return this.#hash.digest();
  }

  exportState(): Uint8Array {
    return exportHash(this.#hash);
  }
}

/** HMAC as its two hashes, each of which has taken its padded key in. */
class KeyedHash implements RunningHash {
  readonly #inner: MerkleDamgard;
  readonly #outer: MerkleDamgard;

  constructor(inner: MerkleDamgard, outer: MerkleDamgard) {
    this.#inner = inner;
    this.#outer = outer;
  }

  update(data: Uint8Array): this {
    this.#inner.update(data);
    return this;
  }

  digest(): Uint8Array {
    this.#outer.update(this.#inner.digest());
    return this.#outer.digest();
  }

  /** Layout: chaining value of the outer hash after its one block ‖ inner hash. */
  exportState(): Uint8Array {
    const outer = exportChaining(this.#outer);
    const inner = exportHash(this.#inner);
    const state = new Uint8Array(outer.length + inner.length);
    state.set(outer);
    state.set(inner, outer.length);
    return state;
  }
}

function padded(shape: Shape, key: Uint8Array, pad: number): MerkleDamgard {
  const block = new Uint8Array(shape.blockSize).fill(pad);
  for (const [index, byte] of key.entries()) block[index] = byte ^ pad;
  const hash = shape.create();
  hash.update(block);
  return hash;
}

class Algorithm implements HashAlgorithm {
  readonly id: number;
  readonly digestSize: number;
  readonly blockSize: number;
  readonly #shape: Shape;

  constructor(shape: Shape) {
    this.id = shape.id;
    this.digestSize = shape.digestSize;
    this.blockSize = shape.blockSize;
    this.#shape = shape;
  }

  digest(...parts: Uint8Array[]): Uint8Array {
    const hash = this.#shape.create();
    for (const part of parts) hash.update(part);
    return hash.digest();
  }

  hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
    const hash = this.startHmac(key);
    for (const part of parts) hash.update(part);
    return hash.digest();
  }

  start(): RunningHash {
    return new PlainHash(this.#shape.create());
  }

  startHmac(key: Uint8Array): RunningHash {
    const short = key.length > this.blockSize ? this.digest(key) : key;
    return new KeyedHash(
      padded(this.#shape, short, INNER_PAD),
      padded(this.#shape, short, OUTER_PAD),
    );
  }

  importState(state: Uint8Array): RunningHash | undefined {
    const hash = importHash(this.#shape, state);
    return hash && new PlainHash(hash);
  }

  importHmacState(state: Uint8Array): RunningHash | undefined {
    const outerSize = 4 * this.#shape.words;
    if (state.length < outerSize) return undefined;
    const inner = importHash(this.#shape, state.subarray(outerSize));
    if (inner === undefined || inner.length < this.blockSize) return undefined;
    const outer = this.#shape.create();
    importChaining(outer, state.subarray(0, outerSize));
    outer.length = this.blockSize;
    return new KeyedHash(inner, outer);
  }
}

const algorithms: ReadonlyMap<number, HashAlgorithm> = new Map(
  [
    {
      id: TPM_ALG.SHA1,
      digestSize: 20,
      blockSize: 64,
      words: 5,
      create: () => merkleDamgard(new _SHA1()),
    },
    {
      id: TPM_ALG.SHA256,
      digestSize: 32,
      blockSize: 64,
      words: 8,
      create: () => merkleDamgard(new _SHA256()),
    },
    {
      id: TPM_ALG.SHA384,
      digestSize: 48,
      blockSize: 128,
      words: 16,
      create: () => merkleDamgard(new _SHA384()),
    },
    {
      id: TPM_ALG.SHA512,
      digestSize: 64,
      blockSize: 128,
      words: 16,
      create: () => merkleDamgard(new _SHA512()),
    },
  ].map((shape: Shape) => [shape.id, new Algorithm(shape)]),
);

/**
 * @param id TPM_ALG_ID
 * @returns the hash, or `undefined` for an algorithm that is not an implemented hash
 */
export function hashAlgorithm(id: number): HashAlgorithm | undefined {
  return algorithms.get(id);
}

/** Every implemented hash, in the order of identifiers. */
export function hashAlgorithms(): readonly HashAlgorithm[] {
  return [...algorithms.values()];
}
