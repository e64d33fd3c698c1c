/**
 * Attention of many queries, each over a context of its own (sessions decoded together): the segments of all contexts are
 * tasks of one job, so that short contexts, of one segment each, keep all threads busy too. Segments are those that the
 * query alone would have and are merged in their order: the results are the same to the bit.
 */

import { beginRows, finishRows } from './attend';
import { fieldFine, fieldFirstPosition, fieldHeadDim, fieldWindow } from './context-block';
import { decodePart, lengthFor, merge, partialWords, threadWords, waveSegments } from './decode';
import { argument, floatArgument, pass, passFloat, runTasks, threadCount, threadIndex } from './threads';

/** A context: 32-bit fields, written by the caller. */
const fieldView: usize = 0;
/** Slots of its table. */
const fieldSlots: usize = 4;
/** Entries it has. */
const fieldLength: usize = 8;
/** Log2 of a record's bytes. */
const recordShift: usize = 4;

/** Member and segment of each task of a wave. */
const jobWords: i32 = 2;

@inline
function memberAt(members: usize, member: i32): usize {
  return members + ((<usize>member) << recordShift);
}

@inline
function segmentLengthOf(member: usize): i32 {
  const view = <usize>load<u32>(member + fieldView);
  return lengthFor(load<i32>(member + fieldLength), load<u32>(view + fieldFine) != 0);
}

/** f32 words of one thread: enough for any of the contexts. */
function wordsPerThread(members: usize, count: i32, heads: i32): i32 {
  let words = 0;
  for (let m = 0; m < count; m += 1) {
    const member = memberAt(members, m);
    const view = <usize>load<u32>(member + fieldView);
    const headDim = load<i32>(view + fieldHeadDim);
    const window = load<i32>(view + fieldWindow);
    words = max(words, threadWords(segmentLengthOf(member), heads, headDim, window, load<i32>(member + fieldSlots)));
  }
  return words;
}

/** Words of scratch: tasks and results of a wave, maxima and sums, each thread's own. */
export function attendEachScratchWords(members: usize, count: i32, heads: i32, headDim: i32): i32 {
  const wave = waveSegments * (jobWords + partialWords(heads, headDim));
  return wave + 2 * count * heads + threadCount() * wordsPerThread(members, count, heads);
}

/** out[m] = attention of query m [H, C] at positions[m] over all entries of context m. */
export function attendEach(
  queries: usize,
  positions: usize,
  members: usize,
  slopes: usize,
  out: usize,
  count: i32,
  heads: i32,
  headDim: i32,
  scale: f32,
  scratch: usize,
): void {
  const jobs = scratch;
  const partials = jobs + ((<usize>(waveSegments * jobWords)) << 2);
  const words = partialWords(heads, headDim);
  const maxima = partials + ((<usize>(waveSegments * words)) << 2);
  const sums = maxima + ((<usize>(count * heads)) << 2);
  const own = sums + ((<usize>(count * heads)) << 2);
  const perThread = wordsPerThread(members, count, heads);
  beginRows(out, maxima, sums, count * heads, headDim, false);
  let tasks = 0;
  for (let m = 0; m < count; m += 1) {
    const member = memberAt(members, m);
    const firstPosition = load<i32>(<usize>load<u32>(member + fieldView) + fieldFirstPosition);
    const end = endOf(member, positions, m);
    if (end <= 0) continue;
    const length = segmentLengthOf(member);
    const last = (firstPosition + end - 1) / length;
    for (let segment = firstPosition / length; segment <= last; segment += 1) {
      const job = jobs + ((<usize>(tasks * jobWords)) << 2);
      store<i32>(job, m);
      store<i32>(job, segment, 4);
      tasks += 1;
      if (tasks < waveSegments) continue;
      runWave(queries, positions, members, slopes, heads, headDim, scale, jobs, partials, own, perThread, tasks, out, maxima, sums);
      tasks = 0;
    }
  }
  runWave(queries, positions, members, slopes, heads, headDim, scale, jobs, partials, own, perThread, tasks, out, maxima, sums);
  finishRows(out, sums, count * heads, headDim);
}

/** How many entries query m sees. */
@inline
function endOf(member: usize, positions: usize, m: i32): i32 {
  const firstPosition = load<i32>(<usize>load<u32>(member + fieldView) + fieldFirstPosition);
  return min(load<i32>(member + fieldLength), load<i32>(positions + ((<usize>m) << 2)) - firstPosition + 1);
}

function runWave(
  queries: usize,
  positions: usize,
  members: usize,
  slopes: usize,
  heads: i32,
  headDim: i32,
  scale: f32,
  jobs: usize,
  partials: usize,
  own: usize,
  perThread: i32,
  tasks: i32,
  out: usize,
  maxima: usize,
  sums: usize,
): void {
  if (tasks == 0) return;
  pass(0, <i32>queries);
  pass(1, <i32>positions);
  pass(2, <i32>members);
  pass(3, <i32>slopes);
  pass(4, heads);
  pass(5, headDim);
  passFloat(6, scale);
  pass(7, <i32>jobs);
  pass(8, <i32>partials);
  pass(9, <i32>own);
  pass(10, perThread);
  runTasks(decodeJob, tasks);
  const words = partialWords(heads, headDim);
  for (let task = 0; task < tasks; task += 1) {
    const row = <usize>(load<i32>(jobs + ((<usize>(task * jobWords)) << 2)) * heads) << 2;
    const partial = partials + ((<usize>(task * words)) << 2);
    merge(partial, out + row * <usize>headDim, maxima + row, sums + row, heads, headDim);
  }
}

function decodeJob(task: i32): void {
  const heads = argument(4);
  const headDim = argument(5);
  const job = <usize>argument(7) + ((<usize>(task * jobWords)) << 2);
  const m = load<i32>(job);
  const member = memberAt(<usize>argument(2), m);
  const positions = <usize>argument(1);
  decodePart(
    <usize>argument(0) + ((<usize>(m * heads * headDim)) << 2),
    load<i32>(positions + ((<usize>m) << 2)),
    <usize>load<u32>(member + fieldView),
    <usize>argument(3),
    heads,
    0,
    endOf(member, positions, m),
    floatArgument(6),
    load<i32>(member + fieldSlots),
    segmentLengthOf(member),
    load<i32>(job, 4),
    <usize>argument(8) + ((<usize>(task * partialWords(heads, headDim))) << 2),
    <usize>argument(9) + ((<usize>(threadIndex() * argument(10))) << 2),
  );
}
