/**
 * The steps from a row of scores to weights: distances are taken off, the largest is found, exponentials follow (see
 * exponentials.ts). Rows are padded to whole steps with the lowest float, whose weight is 0.
 */

import { exponentials } from './exponentials';
import { exp1 } from './vector';

export const lowest: f32 = -3.4028234663852886e38;

/** Scores into scale · score − slope · distance, where the distance of score i is `distance` − i. Writes up to 3 further. */
export function bias(scores: usize, count: i32, scale: f32, slope: f32, distance: i32): void {
  const scales = f32x4.splat(scale);
  const slopes = f32x4.splat(slope);
  const step = f32x4.splat(4);
  let away = f32x4.add(f32x4.splat(<f32>distance), f32x4(0, -1, -2, -3));
  const end = scores + ((<usize>count) << 2);
  for (let at = scores; at < end; at += 16) {
    v128.store(at, f32x4.sub(f32x4.mul(v128.load(at), scales), f32x4.mul(slopes, away)));
    away = f32x4.sub(away, step);
  }
}

/** Pads a row to a multiple of 8 scores; returns its end. */
@inline
export function padScores(scores: usize, count: i32): usize {
  const end = scores + ((<usize>((count + 7) & ~7)) << 2);
  for (let at = scores + ((<usize>count) << 2); at < end; at += 4) store<f32>(at, lowest);
  return end;
}

/** The largest of a padded row. `pmax`, one instruction, passes over NaN, which the sum of the weights then has. */
@inline
export function largest(scores: usize, end: usize): f32 {
  let a = v128.load(scores);
  let b = v128.load(scores, 16);
  for (let at = scores + 32; at < end; at += 32) {
    a = f32x4.pmax(a, v128.load(at));
    b = f32x4.pmax(b, v128.load(at, 16));
  }
  a = f32x4.pmax(a, b);
  a = f32x4.pmax(a, v128.shuffle<f32>(a, a, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmax(a, v128.shuffle<f32>(a, a, 1, 0, 3, 2)), 0);
}

/** Joins `count` ≥ 1 scores with a running maximum and sum, and makes them weights. Returns the factor of what was before. */
export function foldScores(scores: usize, count: i32, maximum: usize, sum: usize): f32 {
  const end = padScores(scores, count);
  const before = load<f32>(maximum);
  const after = max(before, largest(scores, end));
  const total = exponentials(scores, end, after);
  if (after == before) {
    store<f32>(sum, load<f32>(sum) + total);
    return 1;
  }
  const factor = exp1(before - after);
  store<f32>(maximum, after);
  store<f32>(sum, load<f32>(sum) * factor + total);
  return factor;
}
