/** The attention weights of one query themselves, in blocks of 64 entries: keys are expanded and read row by row. */

import {
  blockAngles,
  blockPlaces,
  expandBlock,
  fieldFirstPosition,
  fieldHeadDim,
  fieldKvHeads,
  paddedHeadDim,
} from './context-block';
import { exp1, setRow, sum4 } from './vector';

/** Entries of a block. */
@inline
const blockEntries: i32 = 64;

/** Words of scratch: keys, angles, scores, one query, places. */
export function weightsScratchWords(headDim: i32, window: i32): i32 {
  const padded = paddedHeadDim(headDim);
  return blockEntries * (padded + headDim + 1 + 2 * window) + padded;
}

/** Attention weights of one query: out[h, i] = exp(score − logSumExp[h]) for entries from … to; 0 where unseen. */
export function attendWeights(
  queries: usize,
  position: i32,
  view: usize,
  slopes: usize,
  logSumExp: usize,
  out: usize,
  heads: i32,
  from: i32,
  to: i32,
  scale: f32,
  scratch: usize,
): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const kvHeads = load<i32>(view + fieldKvHeads);
  const group = heads / kvHeads;
  const padded = paddedHeadDim(headDim);
  const stride = (<usize>padded) << 2;
  const keys = scratch;
  const angles = keys + <usize>blockEntries * stride;
  const scores = angles + ((<usize>(blockEntries * headDim)) << 2);
  const query = scores + ((<usize>blockEntries) << 2);
  const places = query + stride;
  const width = to - from;
  memory.fill(out, 0, (<usize>heads * <usize>width) << 2);
  const lastSeen = position - load<i32>(view + fieldFirstPosition);
  const end = min(to, lastSeen + 1);
  for (let start = from; start < end; start += blockEntries) {
    const entries = min(blockEntries, end - start);
    blockAngles(view, start, entries, angles);
    blockPlaces(view, start, entries, places);
    for (let g = 0; g < kvHeads; g += 1) {
      expandBlock(view, g, start, entries, true, angles, places, keys);
      for (let h = g * group; h < (g + 1) * group; h += 1) {
        const slope = slopes == 0 ? <f32>0 : load<f32>(slopes + ((<usize>h) << 2));
        const total = load<f32>(logSumExp + ((<usize>h) << 2));
        padQuery(query, queries + ((<usize>(h * headDim)) << 2), headDim, padded);
        score(query, keys, stride, padded, entries, scale, slope, lastSeen - start, scores);
        for (let i = 0; i < entries; i += 1) {
          const weight = exp1(load<f32>(scores + ((<usize>i) << 2)) - total);
          store<f32>(out + ((<usize>(h * width + start - from + i)) << 2), weight);
        }
      }
    }
  }
}

@inline
function padQuery(query: usize, source: usize, headDim: i32, padded: i32): void {
  setRow(query, source, false, headDim);
  for (let c = headDim; c < padded; c += 1) store<f32>(query + ((<usize>c) << 2), 0);
}

/** Scores of `seen` keys into `scores`. */
@inline
function score(
  query: usize,
  keys: usize,
  stride: usize,
  padded: i32,
  seen: i32,
  scale: f32,
  slope: f32,
  distance: i32,
  scores: usize,
): void {
  let i = 0;
  for (; i + 4 <= seen; i += 4) {
    const k0 = keys + <usize>i * stride;
    const k1 = k0 + stride;
    const k2 = k1 + stride;
    const k3 = k2 + stride;
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    for (let c: usize = 0; c < (<usize>padded) << 2; c += 16) {
      const q = v128.load(query + c);
      s0 = f32x4.add(s0, f32x4.mul(q, v128.load(k0 + c)));
      s1 = f32x4.add(s1, f32x4.mul(q, v128.load(k1 + c)));
      s2 = f32x4.add(s2, f32x4.mul(q, v128.load(k2 + c)));
      s3 = f32x4.add(s3, f32x4.mul(q, v128.load(k3 + c)));
    }
    // Transposed addition: lane j of the result is the sum of s_j.
    const t0 = f32x4.add(v128.shuffle<f32>(s0, s1, 0, 4, 1, 5), v128.shuffle<f32>(s0, s1, 2, 6, 3, 7));
    const t1 = f32x4.add(v128.shuffle<f32>(s2, s3, 0, 4, 1, 5), v128.shuffle<f32>(s2, s3, 2, 6, 3, 7));
    const sum = f32x4.add(v128.shuffle<f32>(t0, t1, 0, 1, 4, 5), v128.shuffle<f32>(t0, t1, 2, 3, 6, 7));
    const away = <f32>(distance - i);
    const away4 = f32x4.add(f32x4.splat(away), f32x4(0, -1, -2, -3));
    const biased = f32x4.sub(f32x4.mul(sum, f32x4.splat(scale)), f32x4.mul(f32x4.splat(slope), away4));
    v128.store(scores + ((<usize>i) << 2), biased);
  }
  for (; i < seen; i += 1) {
    const key = keys + <usize>i * stride;
    let s = f32x4.splat(0);
    for (let c: usize = 0; c < (<usize>padded) << 2; c += 16) {
      s = f32x4.add(s, f32x4.mul(v128.load(query + c), v128.load(key + c)));
    }
    store<f32>(scores + ((<usize>i) << 2), sum4(s) * scale - slope * <f32>(distance - i));
  }
}
