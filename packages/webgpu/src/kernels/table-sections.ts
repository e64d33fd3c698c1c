/**
 * A table in pages, cut into sections that one binding can reach: pages of one GPUBuffer as far as a binding spans them,
 * or a run of rows of a page that is longer than a binding. Views of sections are words.
 */

import { bytesPerElement, sizeOf, type TensorView } from '@inattention/core';
import type { KernelRunner } from '../execution/kernel-runner.ts';
import { bindingAlignment } from '../memory/slabs.ts';

export interface TableSection {
  /** Rows [firstRow, firstRow + rows) of the table, without those of pages that are missing in `places`. */
  readonly firstRow: number;
  readonly rows: number;
  readonly rowsPerPage: number;
  readonly table: TensorView;
  /** The scales of rows in blocks. */
  readonly scales: TensorView | null;
  /** For each page, from that of `firstRow` on: where it begins in `table` and `scales`, in words. Null: not here. */
  readonly places: readonly (PagePlace | null)[];
}

interface PagePlace {
  readonly table: number;
  readonly scales: number;
}

/** Pages, each [rowsPerPage (the last may be shorter), width]. */
export interface PagedTable {
  readonly pages: readonly TensorView[];
  readonly rowsPerPage: number;
  readonly width: number;
}

interface Page {
  readonly number: number;
  readonly rows: number;
  readonly table: Reach;
  readonly scales: Reach | null;
}

/** Bytes [start, end) of an allocation that one binding spans; `view` begins at `start`. */
interface Reach {
  readonly allocation: object;
  readonly start: number;
  readonly end: number;
  readonly view: TensorView;
}

export function tableSections(runner: KernelRunner, table: PagedTable): TableSection[] {
  const sections: TableSection[] = [];
  const pages: Page[] = [];
  table.pages.forEach((view, number) => {
    const scales = view.blocks?.scales ?? null;
    if (runner.fits(view) && (scales === null || runner.fits(scales))) {
      const rows = sizeOf(view.shape) / table.width;
      pages.push({ number, rows, table: reachOf(runner, view), scales: scales && reachOf(runner, scales) });
    } else {
      sections.push(...sectionsOfLongPage(runner, table, view, number * table.rowsPerPage));
    }
  });
  for (const group of groupsOf(runner, pages)) sections.push(sectionOf(group, table.rowsPerPage));
  return sections;
}

interface Group {
  table: Reach;
  scales: Reach | null;
  readonly pages: Page[];
}

/** Pages that bindings reach together: one for the rows, one for the scales. */
function groupsOf(runner: KernelRunner, pages: readonly Page[]): Group[] {
  const groups = new Map<object, Group[]>();
  const byStart = pages.length === 1 ? pages : [...pages].sort((a, b) => a.table.start - b.table.start);
  for (const page of byStart) {
    const known = groups.get(page.table.allocation) ?? [];
    groups.set(page.table.allocation, known);
    const last = known.at(-1);
    const table = last === undefined ? null : joined(runner, last.table, page.table);
    const scales = last?.scales && page.scales ? joined(runner, last.scales, page.scales) : null;
    if (last !== undefined && table !== null && (scales !== null || page.scales === null)) {
      last.table = table;
      last.scales = scales;
      last.pages.push(page);
    } else {
      known.push({ table: page.table, scales: page.scales, pages: [page] });
    }
  }
  return [...groups.values()].flat();
}

function sectionOf({ table, scales, pages }: Group, rowsPerPage: number): TableSection {
  const numbers = pages.map(({ number }) => number);
  const first = numbers.reduce((least, number) => Math.min(least, number));
  const last = pages.reduce((a, b) => (b.number > a.number ? b : a));
  const places: (PagePlace | null)[] = Array(last.number - first + 1).fill(null);
  for (const page of pages) {
    places[page.number - first] = {
      table: (page.table.start - table.start) / 4,
      scales: scales === null || page.scales === null ? 0 : (page.scales.start - scales.start) / 4,
    };
  }
  return {
    firstRow: first * rowsPerPage,
    rows: (last.number - first) * rowsPerPage + last.rows,
    rowsPerPage,
    table: wordsOf(table),
    scales: scales && wordsOf(scales),
    places,
  };
}

/** A page longer than a binding, as runs of rows that fit one. */
function sectionsOfLongPage(
  runner: KernelRunner,
  { width }: PagedTable,
  page: TensorView,
  firstRow: number,
): TableSection[] {
  const count = sizeOf(page.shape) / width;
  const rowBytes = width * bytesPerElement[page.dtype];
  const { scales = null, blockLength = 1 } = page.blocks ?? {};
  const scaleBytes = 4 * Math.ceil(width / blockLength);
  const unit = rowBytes % 4 === 0 ? 1 : 2; // runs begin at whole words
  const most = (runner.traits.maxBindingBytes - bindingAlignment) / rowBytes;
  const step = Math.max(unit, Math.floor(most / unit) * unit);
  const sections: TableSection[] = [];
  for (let start = 0; start < count; start += step) {
    const rows = Math.min(step, count - start);
    sections.push({
      firstRow: firstRow + start,
      rows,
      rowsPerPage: rows,
      table: words(page, start * rowBytes, rows * rowBytes),
      scales: scales && words(scales, start * scaleBytes, rows * scaleBytes),
      places: [{ table: 0, scales: 0 }],
    });
  }
  return sections;
}

function reachOf(runner: KernelRunner, view: TensorView): Reach {
  const { allocation, start, byteLength } = runner.locate(view);
  return { allocation, start, end: start + byteLength, view };
}

/** Both as one, or null when no binding spans both. */
function joined(runner: KernelRunner, a: Reach, b: Reach): Reach | null {
  if (a.allocation !== b.allocation) return null;
  const first = a.start <= b.start ? a : b;
  const reach = { ...first, end: Math.max(a.end, b.end) };
  return runner.fits(wordsOf(reach)) ? reach : null;
}

function wordsOf({ view, start, end }: Reach): TensorView {
  return words(view, 0, end - start);
}

/** Bytes from `from` on of a view, as words. */
function words({ buffer, byteOffset }: TensorView, from: number, byteLength: number): TensorView {
  return { buffer, byteOffset: byteOffset + from, dtype: 'u32', shape: [Math.ceil(byteLength / 4)] };
}
