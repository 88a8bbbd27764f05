import { LIMIT } from '../structures/limits.js';

/** A part of a sorted list that GetCapability gives. */
export interface Page<T> {
  readonly data: readonly T[];
  /** Whether elements follow that were not asked for or have no room. */
  readonly moreData: boolean;
}

/** Bytes of the answer before its elements: capability (4) and count (4). */
const HEAD = 8;

/**
 * @param elements sorted by key
 * @param key number by which an element is asked for
 * @param first least key of the answer
 * @param count most elements of the answer
 * @param size bytes of an element
 */
export function page<T>(
  elements: readonly T[],
  key: (element: T) => number,
  first: number,
  count: number,
  size: number,
): Page<T> {
  const most = Math.min(count, Math.floor((LIMIT.CAPABILITY_BUFFER - HEAD) / size));
  let start = 0;
  while (start < elements.length && key(elements[start]!) < first) start++;
  return {
    data: elements.slice(start, start + most),
    moreData: start + most < elements.length,
  };
}
