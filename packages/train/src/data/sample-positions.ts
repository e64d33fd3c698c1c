/** Which positions of a text have a loss when not all have one. */

import { uniform } from './hash.ts';

/**
 * `count` of the positions [0, length), uniformly and without replacement, ascending; the same for the same key (Floyd's
 * algorithm: Bentley, "Programming pearls: a sample of brilliance", 1987). All of them when there are not more.
 */
export function samplePositions(length: number, count: number, ...key: readonly number[]): Int32Array {
  const chosen = new Set<number>();
  for (let last = Math.max(0, length - count); last < length; last += 1) {
    const position = Math.floor(uniform(...key, last) * (last + 1));
    chosen.add(chosen.has(position) ? last : position);
  }
  return Int32Array.from(chosen).sort();
}
