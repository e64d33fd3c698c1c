/** Dot products with, and weighted sums of, four rows at a time: one load of the query or the sum serves all four. */

import { madd, sum4 } from './vector';

/** One query against four rows of `bytes` bytes: lane j is q · row j. */
@inline
export function fourDots(query: usize, r0: usize, r1: usize, r2: usize, r3: usize, bytes: usize): v128 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let c: usize = 0;
  for (; c + 32 <= bytes; c += 32) {
    const q = v128.load(query + c);
    s0 = madd(q, v128.load(r0 + c), s0);
    s1 = madd(q, v128.load(r1 + c), s1);
    s2 = madd(q, v128.load(r2 + c), s2);
    s3 = madd(q, v128.load(r3 + c), s3);
    const p = v128.load(query + c, 16);
    s0 = madd(p, v128.load(r0 + c, 16), s0);
    s1 = madd(p, v128.load(r1 + c, 16), s1);
    s2 = madd(p, v128.load(r2 + c, 16), s2);
    s3 = madd(p, v128.load(r3 + c, 16), s3);
  }
  for (; c < bytes; c += 16) {
    const q = v128.load(query + c);
    s0 = madd(q, v128.load(r0 + c), s0);
    s1 = madd(q, v128.load(r1 + c), s1);
    s2 = madd(q, v128.load(r2 + c), s2);
    s3 = madd(q, v128.load(r3 + c), s3);
  }
  return sums4(s0, s1, s2, s3);
}

/** Lane j is the sum of the lanes of s_j. */
@inline
export function sums4(s0: v128, s1: v128, s2: v128, s3: v128): v128 {
  const t0 = f32x4.add(v128.shuffle<f32>(s0, s1, 0, 4, 1, 5), v128.shuffle<f32>(s0, s1, 2, 6, 3, 7));
  const t1 = f32x4.add(v128.shuffle<f32>(s2, s3, 0, 4, 1, 5), v128.shuffle<f32>(s2, s3, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(t0, t1, 0, 1, 4, 5), v128.shuffle<f32>(t0, t1, 2, 3, 6, 7));
}

@inline
export function oneDot(a: usize, b: usize, bytes: usize): f32 {
  let s = f32x4.splat(0);
  for (let c: usize = 0; c < bytes; c += 16) s = madd(v128.load(a + c), v128.load(b + c), s);
  return sum4(s);
}

/** out += Σ_j weights[j] · row j. */
@inline
export function addFour(out: usize, r0: usize, r1: usize, r2: usize, r3: usize, weights: v128, bytes: usize): void {
  const w0 = v128.shuffle<f32>(weights, weights, 0, 0, 0, 0);
  const w1 = v128.shuffle<f32>(weights, weights, 1, 1, 1, 1);
  const w2 = v128.shuffle<f32>(weights, weights, 2, 2, 2, 2);
  const w3 = v128.shuffle<f32>(weights, weights, 3, 3, 3, 3);
  for (let c: usize = 0; c < bytes; c += 16) {
    const low = madd(w1, v128.load(r1 + c), madd(w0, v128.load(r0 + c), v128.load(out + c)));
    const high = madd(w3, v128.load(r3 + c), f32x4.mul(w2, v128.load(r2 + c)));
    v128.store(out + c, f32x4.add(low, high));
  }
}

/** out += weight · row. */
@inline
export function addOne(out: usize, row: usize, weight: f32, bytes: usize): void {
  const w = f32x4.splat(weight);
  for (let c: usize = 0; c < bytes; c += 16) v128.store(out + c, madd(w, v128.load(row + c), v128.load(out + c)));
}
