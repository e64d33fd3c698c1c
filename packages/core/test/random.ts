/** Reproducible random inputs of tests: the same seed gives the same numbers everywhere. */

export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** `count` normal numbers, exactly f32. */
  normals(count: number, deviation?: number): Float32Array<ArrayBuffer>;
  /** `count` integers in [least, end). */
  integers(count: number, least: number, end: number): Int32Array<ArrayBuffer>;
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  // A Weyl sequence through the finaliser of MurmurHash3.
  const uniform = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let bits = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return {
    uniform,
    normals: (count, deviation = 1) => Float32Array.from({ length: count }, () => deviation * normal()),
    integers: (count, least, end) =>
      Int32Array.from({ length: count }, () => least + Math.floor(uniform() * (end - least))),
  };
}
