/** The attention weights of one query themselves, block by block as in attend.ts. */

import { padQuery, score, tileScratchWords } from './attend';
import {
  blockAngles,
  blockEntries,
  blockPlaces,
  expandBlock,
  fieldFirstPosition,
  fieldHeadDim,
  fieldKvHeads,
  paddedHeadDim,
} from './context-block';
import { exp1 } from './vector';

/** Words of scratch. */
export function weightsScratchWords(headDim: i32, window: i32): i32 {
  return tileScratchWords(headDim, window);
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
  const angles = keys + 2 * (<usize>blockEntries * stride);
  const scores = angles + ((<usize>(blockEntries * headDim)) << 2);
  const query = scores + ((<usize>blockEntries) << 2);
  const places = query + 2 * stride;
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
