/**
 * Reproducible random inputs: the same seed gives the same numbers on every machine, so a failure can be repeated.
 * For tests only; not for sampling or initialising models.
 */

export interface RandomNumbers {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** A uniform integer from 0 to `bound` − 1. */
  integer(bound: number): number;
  /** `count` normal numbers of the given standard deviation (1 by default), each exactly an f32. */
  normals(count: number, deviation?: number): Float64Array;
}

export function randomNumbers(seed: number): RandomNumbers {
  let state = seed >>> 0;
  // A Weyl sequence through the finaliser of MurmurHash3.
  const uniform = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let bits = state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
  };
  // Box and Muller; 1 − u is in (0, 1], so its logarithm is finite.
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return {
    uniform,
    integer: (bound) => Math.floor(uniform() * bound),
    normals: (count, deviation = 1) => Float64Array.from({ length: count }, () => Math.fround(deviation * normal())),
  };
}
