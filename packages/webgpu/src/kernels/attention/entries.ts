/**
 * What a block of entries needs besides its rows, gathered from pages wherever they lie: slots and scales, and the
 * rotary angles of positions, combined from the fine and the coarse table by angle addition (once for all heads).
 *
 *     entries [w − 1 + n] slots (−1 before the start), then [n] scales          angles [n, C/2] (cos, sin)
 *
 * Memory-bound and small beside the rows: 8 + 4·C bytes per entry, against 8·w·G·C of rows.
 */

import type { ContextView, RopeAngles, TensorView } from '@inattention/core';
import { defineKernel } from '../../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../../execution/kernel-runner.ts';
import { bindingAlignment } from '../../memory/slabs.ts';
import { rowsOf, sliceOf } from '../pieces.ts';
import { groupIntoWindows } from './row-windows.ts';

const size = 64;

/** Copies words of pages of one window: `table` has an offset per page, or absent. */
const gatherWords = defineKernel({
  name: 'attend-entries',
  params: {
    count: 'u32', // words wanted
    before: 'u32', // of them, words before the start of the pages, which become −1
    first: 'u32', // the first word of the pages
    page_length: 'u32',
    first_page: 'u32',
  },
  bindings: {
    pages: { access: 'read', element: 'u32' },
    table: { access: 'inline', element: 'u32' },
    out: { access: 'write', element: 'u32' },
  },
  workgroupSize: [size, 1, 1],
  main: ({ pages, table, out }) => `
  if (index >= params.count) { return; }
  if (index < params.before) {
    ${out}[params.out_at + index] = 0xffffffffu;
    return;
  }
  let word = params.first + index - params.before;
  let page = word / params.page_length;
  let start = ${table}[page - params.first_page];
  if (start == 0xffffffffu) { return; }
  ${out}[params.out_at + index] = ${pages}[params.pages_at + start + word % params.page_length];`,
});

/** Entries [from, to) of pages of words into `out`, behind `before` words of −1. */
function gatherPaged(
  runner: KernelRunner,
  pages: readonly TensorView[],
  pageLength: number,
  range: { readonly from: number; readonly to: number; readonly before: number },
  out: TensorView,
): void {
  const { from, to, before } = range;
  const firstPage = Math.floor(from / pageLength);
  const used = pages.slice(firstPage, Math.ceil(to / pageLength));
  const { windows, places } = groupIntoWindows(runner, used);
  const count = before + to - from;
  windows.forEach((window, number) => {
    const table = Uint32Array.from(places, (place) => (place.window === number ? place.byte / 4 : 0xffffffff));
    runner.run(gatherWords, {
      bindings: { pages: window, table, out },
      params: { count, before, first: from, page_length: pageLength, first_page: firstPage },
      workgroups: gridOf(count, size),
      bytes: 8 * (to - from),
    });
  });
}

/** Where the parts of a block's entries are, in words. */
export interface EntryPlaces {
  /** Slots before that of the block's first entry. */
  readonly ahead: number;
  readonly scalesFrom: number;
  readonly words: number;
}

export function entryPlaces(view: ContextView, count: number): EntryPlaces {
  const ahead = view.index === null ? 0 : view.window - 1;
  const scalesFrom = view.index === null ? 0 : ahead + count;
  return { ahead, scalesFrom, words: scalesFrom + (view.scale === null ? 0 : count) };
}

/** Fills `out` [words] with the slots and scales of entries [from, to). */
export function gatherEntries(runner: KernelRunner, view: ContextView, from: number, to: number, out: TensorView) {
  const { ahead, scalesFrom } = entryPlaces(view, to - from);
  if (view.index !== null) {
    const first = Math.max(0, from - ahead);
    const before = ahead - (from - first);
    const slots = sliceOf(out, 0, ahead + to - from);
    gatherPaged(runner, view.index, view.pageLength, { from: first, to, before }, slots);
  }
  if (view.scale !== null) {
    const scales = sliceOf(out, scalesFrom, to - from);
    gatherPaged(runner, view.scale, view.pageLength, { from, to, before: 0 }, scales);
  }
}

const combineAngles = defineKernel({
  name: 'attend-angles',
  params: { count: 'u32', pairs: 'u32' },
  bindings: {
    fine: { access: 'read', element: 'f32' },
    coarse: { access: 'read', element: 'f32' },
    out: { access: 'write', element: 'vec2<f32>' },
  },
  workgroupSize: [size, 1, 1],
  main: ({ fine, coarse, out }) => `
  if (index >= params.count) { return; }
  let at_coarse = params.coarse_at + 2u * (index % params.pairs);
  let at_fine = params.fine_at + 2u * index;
  let a = vec2<f32>(${coarse}[at_coarse], ${coarse}[at_coarse + 1u]);
  let b = vec2<f32>(${fine}[at_fine], ${fine}[at_fine + 1u]);
  ${out}[params.out_at + index] = vec2<f32>(a.x * b.x - a.y * b.y, a.y * b.x + a.x * b.y);`,
});

/** Angles of `count` positions from `first` on into `out` [count, C/2, 2]: a dispatch for each coarse entry. */
export function gatherAngles(
  runner: KernelRunner,
  { fine, coarse, fineLength }: RopeAngles,
  first: number,
  count: number,
  out: TensorView,
): void {
  const pairs = fine.shape[1] as number;
  const most = Math.floor((runner.traits.maxBindingBytes - bindingAlignment) / (8 * pairs));
  for (let done = 0; done < count; ) {
    const position = first + done;
    const start = position % fineLength;
    const run = Math.min(count - done, fineLength - start, most);
    runner.run(combineAngles, {
      bindings: {
        fine: rowsOf(fine, start, run),
        coarse: rowsOf(coarse, Math.floor(position / fineLength), 1),
        out: rowsOf(out, done, run),
      },
      params: { count: run * pairs, pairs },
      workgroups: gridOf(run * pairs, size),
      flops: 6 * run * pairs,
    });
    done += run;
  }
}
