/**
 * Entries of a context as dense keys (rotated) and values, head by head, [G, n, C] f32, a block at a time. Pages of a KV
 * cache lie side by side (PageRun) and are read where they are; everything else is put together here: rows of tables by
 * their slots, in windows, scaled and rotated.
 */

import type { ContextView, PagedRows, RowPage, TensorView } from '@inattention/core';
import { elementsOf, type Handle } from '../../execution/handle.ts';
import { viewPart } from '../../memory/view-part.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { Rotations } from '../rotation.ts';
import { adoptPages, type RunPart } from './adopt-pages.ts';
import { expandedRowElements, maxRunRows } from './scratch-bound.ts';

/** Entries [start, start + count) of a view; those from `valid` on are padding, whose keys and values are 0. */
export interface EntryBlock {
  readonly start: number;
  readonly count: number;
  readonly valid: number;
  load(): { readonly keys: Handle; readonly values: Handle };
}

/** The blocks of entries [from, to), in order. */
export function entryBlocks(
  context: KernelContext,
  rotations: Rotations,
  view: ContextView,
  from: number,
  to: number,
): EntryBlock[] {
  const { kvHeads, headDim } = view;
  const plain = view.index === null && view.window === 1 && view.scale === null && view.positionRows === null;
  const step = Math.max(16, Math.floor(expandedRowElements / (kvHeads * headDim) / 16) * 16);
  if (plain && view.rope === null) {
    const cached = cacheBlocks(context, view, from, to, step);
    if (cached !== null) return cached;
  }
  const blocks: EntryBlock[] = [];
  for (let start = from; start < to; start += step) {
    const count = Math.min(step, to - start);
    const load = () => expand(context, rotations, view, start, count);
    blocks.push({ start, count, valid: count, load });
  }
  return blocks;
}

/** Blocks of a KV cache whose pages lie in runs; null where they do not. */
function cacheBlocks(
  context: KernelContext,
  view: ContextView,
  from: number,
  to: number,
  step: number,
): EntryBlock[] | null {
  const { kvHeads, headDim, rows } = view;
  const { rowsPerPage } = rows;
  const [first] = rows.pages;
  const perWord = first?.keys.dtype === 'f16' ? 2 : 1;
  if (headDim % perWord !== 0) return null;
  const layout = { rowsPerPage, groups: kvHeads, width: headDim / perWord };
  const maxPages = Math.max(1, Math.floor(maxRunRows / rowsPerPage));
  const pages = rows.pages.slice(0, Math.ceil(to / rowsPerPage));
  const keys = adoptPages(
    context,
    pages.map((page) => page.keys),
    layout,
    maxPages,
  );
  const values =
    keys &&
    adoptPages(
      context,
      pages.map((page) => page.values),
      layout,
      maxPages,
    );
  if (keys === null || values === null) return null;
  const blocks: EntryBlock[] = [];
  for (let start = from; start < to; ) {
    const page = Math.floor(start / rowsPerPage);
    const [keyPart, valuePart] = [partAt(keys, page), partAt(values, page)];
    const end = Math.min(to, keyPart.end * rowsPerPage, valuePart.end * rowsPerPage);
    const aligned = keyPart.firstSlot === valuePart.firstSlot && keyPart.first === valuePart.first;
    const whole = aligned && perWord === 1 && keyPart.firstSlot === 0 && start === keyPart.first * rowsPerPage;
    const { capacityRows } = keyPart.run;
    // Reading all of a run, room for pages to come included, beats copying a part of it out.
    if (whole && capacityRows === valuePart.run.capacityRows && (end - start) * 2 >= capacityRows) {
      const load = () => ({ keys: keyPart.run.tensor, values: valuePart.run.tensor });
      blocks.push({ start, count: capacityRows, valid: end - start, load });
      start = end;
      continue;
    }
    const count = Math.min(step, end - start);
    const [at, offset] = [start, start - page * rowsPerPage];
    const read = (part: RunPart) => {
      const words = part.run.read(part.firstSlot + page - part.first, offset, count); // [G, n, C]
      return perWord === 1 ? words : decode(context, words, [kvHeads, count, headDim]);
    };
    blocks.push({ start: at, count, valid: count, load: () => ({ keys: read(keyPart), values: read(valuePart) }) });
    start += count;
  }
  return blocks;
}

function partAt(parts: readonly RunPart[], page: number): RunPart {
  return parts.find((part) => page >= part.first && page < part.end) as RunPart;
}

function decode({ operations }: KernelContext, words: Handle, shape: readonly number[]): Handle {
  return operations.toFloat(operations.reshape(operations.bitsAs(words, 'half'), shape));
}

/** Entries [start, start + count) put together: the formula of ContextView. */
function expand(context: KernelContext, rotations: Rotations, view: ContextView, start: number, count: number) {
  const { kvHeads, headDim, firstPosition, rope, scale } = view;
  const { operations } = context;
  const factor = scale === null ? null : scaleOf(context, view, scale, start, count); // [n, 1]
  const positions = Int32Array.from({ length: count }, (_, i) => firstPosition + start + i);
  const side = (name: keyof RowPage): Handle =>
    context.runtime.scope(() => {
      let rows = windowRows(context, view, name, start, count); // [n, G · C]
      if (view.positionRows !== null) {
        const own = consecutiveRows(context, view.positionRows, name, start, count, kvHeads * headDim);
        rows = operations.binary('AddV2', rows, own);
      }
      if (factor !== null) rows = operations.binary('Mul', rows, factor);
      let split = operations.reshape(rows, [count, kvHeads, headDim]);
      if (name === 'keys' && rope !== null) split = rotations.rotate(context, split, positions, rope);
      const byHead = operations.transpose(split, [1, 0, 2]); // [G, n, C]
      return context.runtime.pass(byHead.memory === 'own' ? byHead : operations.copy(byHead));
    });
  return { keys: side('keys'), values: side('values') };
}

/** Σ_j rows of the window of each entry, [n, G · C]. */
function windowRows(
  context: KernelContext,
  view: ContextView,
  name: keyof RowPage,
  start: number,
  count: number,
): Handle {
  const { index, window, rows, kvHeads, headDim } = view;
  const width = kvHeads * headDim;
  if (index === null && window === 1) return consecutiveRows(context, rows, name, start, count, width);
  const slots = slotsOf(context, view, Math.max(0, start - window + 1), start + count);
  const lead = start - Math.max(0, start - window + 1);
  let sum: Handle | null = null;
  for (let offset = 0; offset < window; offset += 1) {
    const wanted = new Int32Array(count).fill(-1);
    for (let i = Math.max(0, offset - start); i < count; i += 1) {
      wanted[i] = (slots[lead + i - offset] as number) * window + offset;
    }
    const found = pickRows(context, rows, name, wanted, width);
    sum = sum === null ? found : context.operations.binary('AddV2', sum, found);
  }
  return sum as Handle;
}

/** Slots of entries [start, end). */
function slotsOf(context: KernelContext, { index, pageLength }: ContextView, start: number, end: number): Int32Array {
  const slots = new Int32Array(end - start);
  for (let i = start; i < end; ) {
    const page = Math.floor(i / pageLength);
    const stop = Math.min(end, (page + 1) * pageLength);
    if (index === null) for (let k = i; k < stop; k += 1) slots[k - start] = k;
    else {
      const values = context.integers(index[page] as TensorView);
      slots.set(values.subarray(i - page * pageLength, stop - page * pageLength), i - start);
    }
    i = stop;
  }
  return slots;
}

function runsOf(context: KernelContext, { pages, rowsPerPage }: PagedRows, name: keyof RowPage, width: number) {
  const views = pages.map((page) => page[name]);
  const perWord = views[0]?.dtype === 'f16' ? 2 : 1;
  if (width % perWord !== 0) return null;
  const parts = adoptPages(
    context,
    views,
    { rowsPerPage, groups: 1, width: width / perWord },
    Number.POSITIVE_INFINITY,
  );
  return parts === null ? null : { parts, perWord };
}

/** Rows by number, zeros for −1, [n, width]. */
function pickRows(
  context: KernelContext,
  rows: PagedRows,
  name: keyof RowPage,
  wanted: Int32Array,
  width: number,
): Handle {
  const { operations } = context;
  const runs = runsOf(context, rows, name, width);
  const some = wanted.some((row) => row >= 0);
  if (!some) return operations.fill([wanted.length, width], 0);
  const { rowsPerPage } = rows;
  const sources =
    runs === null
      ? rows.pages.map((page, number) => ({
          first: number,
          end: number + 1,
          gather: (local: Int32Array) => {
            const size = elementsOf(page[name].shape) / width;
            return operations.gather(context.numbers(page[name], [size, width]), context.index(local));
          },
        }))
      : runs.parts.map(({ run, first, end, firstSlot }) => ({
          first,
          end,
          gather: (local: Int32Array) => {
            const words = run.gather(context.index(local.map((row) => row + firstSlot * rowsPerPage)));
            return runs.perWord === 1 ? words : decode(context, words, [local.length, width]);
          },
        }));
  const [only] = sources;
  if (sources.length === 1 && only !== undefined && wanted.every((row) => row >= 0)) return only.gather(wanted);
  const result = operations.fill([wanted.length, width], 0);
  for (const { first, end, gather } of sources) {
    const places: number[] = [];
    wanted.forEach((row, place) => {
      if (row >= first * rowsPerPage && row < end * rowsPerPage) places.push(place);
    });
    if (places.length === 0) continue;
    context.runtime.scope(() => {
      const local = Int32Array.from(places, (place) => (wanted[place] as number) - first * rowsPerPage);
      operations.inPlace('InplaceUpdate', result, context.index(places), gather(local));
    });
  }
  return result;
}

/** Rows [start, start + count), [count, width]. */
function consecutiveRows(
  context: KernelContext,
  rows: PagedRows,
  name: keyof RowPage,
  start: number,
  count: number,
  width: number,
): Handle {
  const page = Math.floor(start / rows.rowsPerPage);
  if (start + count <= (page + 1) * rows.rowsPerPage) {
    const view = (rows.pages[page] as RowPage)[name];
    const offset = start - page * rows.rowsPerPage;
    const bytes = view.dtype === 'f16' ? 2 : 4;
    if ((offset * width * bytes) % 4 === 0) {
      return context.numbers(viewPart(view, offset * width, [count, width]));
    }
  }
  return pickRows(
    context,
    rows,
    name,
    Int32Array.from({ length: count }, (_, i) => start + i),
    width,
  );
}

/** 1/rms of entries, [n, 1]. */
function scaleOf(
  context: KernelContext,
  { pageLength }: ContextView,
  scale: readonly TensorView[],
  start: number,
  count: number,
): Handle {
  const { operations } = context;
  const parts = adoptPages(context, scale, { rowsPerPage: pageLength, groups: 1, width: 1 }, Number.POSITIVE_INFINITY);
  const pieces: Handle[] = [];
  for (let i = start; i < start + count; ) {
    const page = Math.floor(i / pageLength);
    const part = parts?.find(({ first, end }) => page >= first && page < end);
    const stop = Math.min(start + count, (part?.end ?? page + 1) * pageLength);
    const offset = i - page * pageLength;
    if (part === undefined) {
      const view = scale[page] as TensorView;
      pieces.push(context.words(viewPart(view, offset, [stop - i]), [stop - i, 1]));
    } else {
      const rows = part.run.read(part.firstSlot + page - part.first, offset, stop - i);
      pieces.push(operations.reshape(rows, [stop - i, 1]));
    }
    i = stop;
  }
  return operations.concat(pieces, 0);
}
