/** For tests of kernels: deterministic numbers, and comparison with a float64 reference. */

/** `count` numbers spread over about ±2, the same for the same seed (a linear congruential generator). */
export function numbers(count: number, seed = 1, deviation = 1): Float32Array {
  let state = (seed * 2654435761) >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Float32Array.from({ length: count }, () => (uniform() + uniform() + uniform() - 1.5) * 2 * deviation);
}

/** The largest |got − expected|, relative to the largest |expected|; Infinity where one of them is not a number. */
export function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let off = 0;
  for (let i = 0; i < expected.length; i += 1) {
    const difference = Math.abs((got[i] as number) - (expected[i] as number));
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    off = Math.max(off, difference);
    largest = Math.max(largest, Math.abs(expected[i] as number));
  }
  return off === 0 ? 0 : off / largest;
}
