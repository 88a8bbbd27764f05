// How much an NV memory takes. The figures are those of swtpm 0.7.1, measured at its interface, so
// that a guest finds the same room: one memory for indexes and persistent objects, parts of which
// are guaranteed to objects and to counters, and a small one for orderly data.

import type { NvIndexState } from '../state/nv-state.js';
import type { PermanentState } from '../state/permanent-state.js';
import { TPMA_NV } from '../structures/nv-public.js';
import type { Tpm } from '../tpm.js';
import { hasNvAttribute, isCounter } from './nv-index.js';

/** Sizes in bytes and guaranteed numbers. */
export const NV_MEMORY = {
  size: 171_188,
  /** A persistent object of any type. */
  object: 2608,
  /** An index without its data. */
  index: 152,
  /** A counter that isn't orderly. */
  counter: 160,
  /** Memory of orderly data. */
  orderlySize: 512,
  /** An orderly index without its data, in the memory of orderly data. */
  orderlyIndex: 12,
  /** An orderly counter in the memory of orderly data. */
  orderlyCounter: 20,
  /** Persistent objects that there is always room for. */
  guaranteedObjects: 7,
  /** Counters that there is always room for. */
  guaranteedCounters: 8,
} as const;

type NvContents = Pick<PermanentState, 'nvIndexes' | 'persistentObjects'>;

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

function isOrderly(index: NvIndexState): boolean {
  return hasNvAttribute(index, TPMA_NV.ORDERLY);
}

function freeMemory({ nvIndexes, persistentObjects }: NvContents): number {
  const indexes = nvIndexes.map(
    (index) => NV_MEMORY.index + (isOrderly(index) ? 0 : index.data.length),
  );
  return NV_MEMORY.size - sum(indexes) - NV_MEMORY.object * persistentObjects.length;
}

function freeOrderlyMemory({ nvIndexes }: NvContents): number {
  const orderly = nvIndexes.filter(isOrderly);
  return (
    NV_MEMORY.orderlySize - sum(orderly.map(({ data }) => NV_MEMORY.orderlyIndex + data.length))
  );
}

function reservedForObjects({ persistentObjects }: NvContents): number {
  return NV_MEMORY.object * Math.max(0, NV_MEMORY.guaranteedObjects - persistentObjects.length);
}

function reservedForCounters({ nvIndexes }: NvContents): number {
  const counters = nvIndexes.filter(isCounter).length;
  return NV_MEMORY.counter * Math.max(0, NV_MEMORY.guaranteedCounters - counters);
}

/** @returns whether there is room for everything, and for what is guaranteed */
export function fitsNvMemory(contents: NvContents): boolean {
  const reserved = reservedForObjects(contents) + reservedForCounters(contents);
  return freeMemory(contents) >= reserved && freeOrderlyMemory(contents) >= 0;
}

/** @returns how many more persistent objects there is room for */
export function availablePersistentObjects({ state: { permanent } }: Tpm): number {
  const free = freeMemory(permanent) - reservedForCounters(permanent);
  return Math.max(0, Math.floor(free / NV_MEMORY.object));
}

/** @returns how many more counters there is room for, whether orderly or not */
export function availableCounters({ state: { permanent } }: Tpm): number {
  const free = freeMemory(permanent) - reservedForObjects(permanent);
  return Math.max(
    0,
    Math.min(
      Math.floor(freeOrderlyMemory(permanent) / NV_MEMORY.orderlyCounter),
      Math.floor(free / NV_MEMORY.counter),
    ),
  );
}
