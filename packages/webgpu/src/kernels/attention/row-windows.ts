/**
 * Where the rows of a context lie, as kernels reach them: pages are parts of few allocations, so a dispatch binds a few
 * windows (an allocation, or what one binding spans of it) and finds a page by a table of (window, offset). A page
 * larger than a binding is cut into pieces of fewer rows.
 */

import { bytesPerElement, type PagedRows, type RowPage, sizeOf, type TensorView } from '@inattention/core';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { bindingAlignment } from '../../memory/slabs.ts';
import { rowsOf, sliceOf } from '../pieces.ts';

/** In a table of pieces: the piece lies in none of the dispatch's windows. */
const absentPiece = 0xffffffff;

/** A window is named in the upper bits of a table's word, an offset of 4-byte words in the lower. */
const windowShift = 30;

/** Rows that follow each other within one window. */
interface Piece {
  readonly window: number;
  /** From the beginning of the window, in words. */
  readonly offset: number;
}

export interface RowLayout {
  readonly half: boolean;
  /** Numbers loaded at a time: 4 where heads and offsets allow it. */
  readonly lanes: 1 | 4;
  readonly rowsPerPage: number;
  readonly rowsPerPiece: number;
  readonly piecesPerPage: number;
  readonly pieces: readonly Piece[];
  readonly windows: readonly TensorView[];
}

/** What one dispatch reaches. */
export interface RowPass {
  readonly windows: readonly TensorView[];
  /** Words for pieces from `firstPiece` on. */
  readonly table: Uint32Array;
  readonly firstPiece: number;
  /** Entries the dispatch is for. */
  readonly from: number;
  readonly to: number;
}

type Part = keyof RowPage;

const known = new WeakMap<KernelRunner, WeakMap<PagedRows, Partial<Record<Part, RowLayout>>>>();

/** The layout of the keys or values of pages, worked out once for each list of pages. */
export function rowLayout(runner: KernelRunner, rows: PagedRows, part: Part): RowLayout {
  let ofRunner = known.get(runner);
  if (ofRunner === undefined) {
    ofRunner = new WeakMap();
    known.set(runner, ofRunner);
  }
  let layouts = ofRunner.get(rows);
  if (layouts === undefined) {
    layouts = {};
    ofRunner.set(rows, layouts);
  }
  const layout = layouts[part] ?? layOut(runner, rows, part);
  layouts[part] = layout;
  return layout;
}

interface Window {
  readonly first: TensorView;
  readonly start: number;
  end: number;
}

/** Groups views by what one binding reaches: a window for each, and where in it each view begins, in bytes. */
export function groupIntoWindows(
  runner: KernelRunner,
  views: readonly TensorView[],
): { readonly windows: readonly TensorView[]; readonly places: readonly { window: number; byte: number }[] } {
  const { maxBindingBytes } = runner.traits;
  const located = views.map((view) => ({ view, ...runner.locate(view) }));
  const order = [...located.keys()].sort((a, b) => at(located, a).start - at(located, b).start);
  const windows: Window[] = [];
  const latest = new Map<unknown, number>(); // of each allocation
  const places: { window: number; byte: number }[] = [];
  for (const number of order) {
    const { view, allocation, start, byteLength } = at(located, number);
    let window = latest.get(allocation);
    const reach = allocation.size <= maxBindingBytes ? allocation.size : maxBindingBytes - bindingAlignment;
    if (window === undefined || start + byteLength > at(windows, window).start + reach) {
      window = windows.length;
      latest.set(allocation, window);
      windows.push({ first: view, start, end: start + byteLength });
    }
    const into = at(windows, window);
    into.end = Math.max(into.end, start + byteLength);
    places[number] = { window, byte: start - into.start };
  }
  return {
    windows: windows.map(({ first, start, end }) =>
      sliceOf(first, 0, Math.ceil((end - start) / bytesPerElement[first.dtype])),
    ),
    places,
  };
}

function at<T>(list: readonly T[], index: number): T {
  return list[index] as T;
}

function layOut(runner: KernelRunner, { pages, rowsPerPage }: PagedRows, part: Part): RowLayout {
  const views = pages.map((page) => page[part]);
  const [first] = views;
  const width = first === undefined ? 0 : sizeOf(first.shape.slice(1));
  const headDim = first?.shape[2] ?? 0;
  const dtype = first?.dtype ?? 'f32';
  const rowBytes = width * bytesPerElement[dtype];
  const rowsPerPiece = views.every((view) => runner.fits(view)) ? rowsPerPage : rowsThatFit(runner, rowBytes);
  const piecesPerPage = Math.ceil(rowsPerPage / rowsPerPiece);
  const cut = views.flatMap((view) => cutPage(view, rowsPerPiece, piecesPerPage));
  const { windows, places } = groupIntoWindows(runner, cut);
  const half = dtype === 'f16';
  // Words of two f16 start anywhere; vectors of f32 at multiples of 16 bytes.
  const aligned =
    half || (places.every(({ byte }) => byte % 16 === 0) && windows.every((window) => runner.aligned(window, 16)));
  return {
    half,
    lanes: headDim % 4 === 0 && aligned ? 4 : 1,
    rowsPerPage,
    rowsPerPiece,
    piecesPerPage,
    pieces: places.map(({ window, byte }) => ({ window, offset: byte / 4 })),
    windows,
  };
}

/** Rows of a piece: an even number, so that pieces of f16 begin at whole words. */
function rowsThatFit({ traits }: KernelRunner, rowBytes: number): number {
  return Math.max(2, Math.floor((traits.maxBindingBytes - bindingAlignment) / rowBytes / 2) * 2);
}

function cutPage(view: TensorView, rowsPerPiece: number, pieces: number): TensorView[] {
  if (pieces === 1) return [view];
  const rows = view.shape[0] as number;
  return Array.from({ length: pieces }, (_, piece) => {
    const first = Math.min(rows, piece * rowsPerPiece);
    return rowsOf(view, first, Math.min(rowsPerPiece, rows - first));
  });
}

/**
 * The dispatches that reach the rows of entries [from, to), `most` windows at a time. Where entries are rows
 * (`consecutive`) each dispatch is for some of the entries; otherwise all are for all, and add to each other.
 */
export function rowPasses(
  layout: RowLayout,
  range: { readonly from: number; readonly to: number; readonly consecutive: boolean },
  most: number,
): RowPass[] {
  return range.consecutive ? consecutivePasses(layout, range.from, range.to, most) : sharedPasses(layout, range, most);
}

function sharedPasses({ pieces, windows }: RowLayout, { from, to }: { from: number; to: number }, most: number) {
  const passes: RowPass[] = [];
  for (let first = 0; first < windows.length; first += most) {
    const table = Uint32Array.from(pieces, ({ window, offset }) =>
      window >= first && window < first + most ? word(window - first, offset) : absentPiece,
    );
    passes.push({ windows: windows.slice(first, first + most), table, firstPiece: 0, from, to });
  }
  return passes;
}

function consecutivePasses(layout: RowLayout, from: number, to: number, most: number): RowPass[] {
  const { pieces, windows, rowsPerPage, rowsPerPiece, piecesPerPage } = layout;
  const pieceOf = (row: number) =>
    Math.floor(row / rowsPerPage) * piecesPerPage + Math.floor((row % rowsPerPage) / rowsPerPiece);
  /** The first row behind a piece. */
  const endOf = (piece: number) => {
    const page = Math.floor(piece / piecesPerPage);
    return page * rowsPerPage + Math.min(rowsPerPage, ((piece % piecesPerPage) + 1) * rowsPerPiece);
  };
  const passes: RowPass[] = [];
  for (let start = from; start < to; ) {
    const firstPiece = pieceOf(start);
    const used: number[] = [];
    const table: number[] = [];
    let end = start;
    for (let piece = firstPiece; end < to; piece += 1) {
      const { window, offset } = pieces[piece] as Piece;
      let place = used.indexOf(window);
      if (place === -1) {
        if (used.length === most) break;
        place = used.push(window) - 1;
      }
      table.push(word(place, offset));
      end = Math.min(to, endOf(piece));
    }
    passes.push({
      windows: used.map((window) => windows[window] as TensorView),
      table: Uint32Array.from(table),
      firstPiece,
      from: start,
      to: end,
    });
    start = end;
  }
  return passes;
}

const word = (window: number, offset: number): number => ((window << windowShift) | offset) >>> 0;
