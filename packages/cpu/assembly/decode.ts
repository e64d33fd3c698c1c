/**
 * Attention of one query over a long context: split into segments of positions, each by one task, merged exactly in their
 * order, so that the result does not depend on the number of threads.
 *
 * A segment takes three steps: scores of all heads, [H, n]; their maximum, exponentials and sum; weighted values. How scores
 * and values are read is decode-dense.ts' (keys and values in rows of their own) or decode-rows.ts' (rows of a table).
 */

import { fieldFine, fieldFineLength, fieldFirstPosition, fieldHeadDim, fieldPositionKeyPages, fieldWindow } from './context-block';
import { denseScores, denseValues, readsDenseRows, valuesTogether } from './decode-dense';
import { sharedRowScores, sharedRowValues } from './decode-rows';
import { numberSlots, sharedRowWords } from './decode-slots';
import { exponentials } from './exponentials';
import { bias, largest, lowest, padScores } from './softmax';
import { argument, floatArgument, pass, passFloat, runTasks, threadIndex } from './threads';
import { exp1 } from './vector';

/** Positions of a segment. Divides the fine length of rotary tables, so that a segment has one coarse angle. */
@inline
const segmentLength: i32 = 2048;
/** Positions of a segment where keys are not rotated and the context is long: more positions share each row. */
@inline
const longSegmentLength: i32 = 8192;

/** The length of the segments that `entries` positions are cut into: the same for any number of threads. */
@inline
export function lengthFor(entries: i32, rotates: bool): i32 {
  return !rotates && entries >= 2 * longSegmentLength ? longSegmentLength : segmentLength;
}

/** Segments computed before they are merged into the result: bounds what is kept of them. */
@inline
export const waveSegments: i32 = 32;

/** Whether this way serves a view: whole vectors per head, and per half of a head where keys are rotated. */
export function decodes(view: usize): bool {
  const headDim = load<i32>(view + fieldHeadDim);
  const rotates = load<u32>(view + fieldFine) != 0;
  if (!rotates) return (headDim & 3) == 0;
  if (load<u32>(view + fieldPositionKeyPages) != 0) return false;
  return (headDim & 7) == 0 && load<i32>(view + fieldFineLength) % segmentLength == 0;
}

/** f32 words of one segment's result: maxima, sums, outputs not yet divided by the sums. */
@inline
export function partialWords(heads: i32, headDim: i32): i32 {
  return heads * (headDim + 2);
}

/** f32 words of scratch: those kept of a wave, and each thread's. `slots` are those of the table. */
export function decodeScratchWords(
  heads: i32,
  headDim: i32,
  window: i32,
  slots: i32,
  entries: i32,
  rotates: bool,
  threads: i32,
): i32 {
  const own = threadWords(lengthFor(entries, rotates), heads, headDim, window, slots);
  return waveSegments * partialWords(heads, headDim) + threads * own;
}

@inline
export function threadWords(length: i32, heads: i32, headDim: i32, window: i32, slots: i32): i32 {
  const rows = sharedRowWords(length, heads, headDim, window, slots);
  return heads * (length + headDim) + max(valuesTogether * heads * headDim, rows);
}

/** Attention of the query [H, C] at `position` over entries [from, to), joined with what out, maxima and sums hold. */
export function decode(
  query: usize,
  position: i32,
  view: usize,
  slopes: usize,
  out: usize,
  maxima: usize,
  sums: usize,
  heads: i32,
  from: i32,
  to: i32,
  scale: f32,
  slots: i32,
  scratch: usize,
): void {
  const firstPosition = load<i32>(view + fieldFirstPosition);
  const end = min(to, position - firstPosition + 1);
  if (end <= from) return;
  const headDim = load<i32>(view + fieldHeadDim);
  const words = partialWords(heads, headDim);
  const length = lengthFor(to - from, load<u32>(view + fieldFine) != 0);
  // Segments begin where their position is a multiple of the length.
  const first = (firstPosition + from) / length;
  const last = (firstPosition + end - 1) / length;
  for (let wave = first; wave <= last; wave += waveSegments) {
    const count = min(waveSegments, last + 1 - wave);
    pass(0, <i32>query);
    pass(1, position);
    pass(2, <i32>view);
    pass(3, <i32>slopes);
    pass(4, heads);
    pass(5, from);
    pass(6, end);
    passFloat(7, scale);
    pass(8, slots);
    pass(9, <i32>scratch);
    pass(10, wave);
    pass(11, length);
    runTasks(decodeSegment, count);
    for (let segment = 0; segment < count; segment += 1) {
      merge(scratch + ((<usize>(segment * words)) << 2), out, maxima, sums, heads, headDim);
    }
  }
}

function decodeSegment(task: i32): void {
  const view = <usize>argument(2);
  const heads = argument(4);
  const headDim = load<i32>(view + fieldHeadDim);
  const window = load<i32>(view + fieldWindow);
  const slots = argument(8);
  const scratch = <usize>argument(9);
  const length = argument(11);
  const words = partialWords(heads, headDim);
  const own = <usize>(waveSegments * words + threadIndex() * threadWords(length, heads, headDim, window, slots));
  decodePart(
    <usize>argument(0),
    argument(1),
    view,
    <usize>argument(3),
    heads,
    argument(5),
    argument(6),
    floatArgument(7),
    slots,
    length,
    argument(10) + task,
    scratch + ((<usize>(task * words)) << 2),
    scratch + (own << 2),
  );
}

/** Maxima, sums and outputs of one segment of entries [from, end) into `maxima`; `scores` is this thread's scratch. */
export function decodePart(
  query: usize,
  position: i32,
  view: usize,
  slopes: usize,
  heads: i32,
  from: i32,
  end: i32,
  scale: f32,
  slots: i32,
  length: i32,
  segment: i32,
  maxima: usize,
  scores: usize,
): void {
  const firstPosition = load<i32>(view + fieldFirstPosition);
  const begin = segment * length - firstPosition;
  const start = max(from, begin);
  const count = min(end, begin + length) - start;
  const headDim = load<i32>(view + fieldHeadDim);
  const sums = maxima + ((<usize>heads) << 2);
  const out = sums + ((<usize>heads) << 2);
  const rotated = scores + ((<usize>(heads * length)) << 2);
  const rows = rotated + ((<usize>(heads * headDim)) << 2);

  const dense = readsDenseRows(view);
  if (dense) {
    denseScores(view, query, heads, start, count, scores, length, rows);
  } else {
    numberSlots(view, heads, start, count, slots, rows);
    sharedRowScores(view, query, heads, start, count, scores, length, rotated, rows);
  }
  const distance = position - firstPosition - start;
  for (let h = 0; h < heads; h += 1) {
    const at = (<usize>h) << 2;
    const slope = slopes == 0 ? <f32>0 : load<f32>(slopes + at);
    softmax(scores + ((<usize>(h * length)) << 2), count, scale, slope, distance, maxima + at, sums + at);
  }
  if (dense) denseValues(view, heads, start, count, scores, length, out, rows);
  else sharedRowValues(view, heads, start, count, scores, length, out, rows);
}

/** Scores into exp(scale · score − slope · distance − maximum), in place; the distance of entry i is `distance` − i. */
function softmax(
  scores: usize,
  count: i32,
  scale: f32,
  slope: f32,
  distance: i32,
  maximum: usize,
  sum: usize,
): void {
  bias(scores, count, scale, slope, distance);
  const end = padScores(scores, count);
  const most = largest(scores, end);
  store<f32>(maximum, most);
  store<f32>(sum, exponentials(scores, end, most));
}

/** Joins a segment's result with the running one (not divided by its sums). */
export function merge(partial: usize, out: usize, maxima: usize, sums: usize, heads: i32, headDim: i32): void {
  const values = partial + ((<usize>(2 * heads)) << 2);
  for (let h = 0; h < heads; h += 1) {
    const at = (<usize>h) << 2;
    const before = load<f32>(maxima + at);
    const own = load<f32>(partial + at);
    const after = max(before, own);
    const keep = exp1(before - after);
    const take = exp1(own - after);
    store<f32>(maxima + at, after);
    store<f32>(sums + at, load<f32>(sums + at) * keep + load<f32>(partial + ((<usize>heads) << 2) + at) * take);
    const row = <usize>(h * headDim) << 2;
    for (let c: usize = 0; c < (<usize>headDim) << 2; c += 16) {
      const running = f32x4.mul(v128.load(out + row + c), f32x4.splat(keep));
      v128.store(out + row + c, f32x4.add(running, f32x4.mul(v128.load(values + row + c), f32x4.splat(take))));
    }
  }
}
