/**
 * A block of a context view as attention reads it: keys and values of one kv head for a few entries. Dense f32 rows of
 * an identity view are read in place; everything else is expanded into scratch by the formula of the contract's
 * context-view: Σ_j rows[slot(i−j) · w + j] (+ position row), times scale, keys rotated.
 *
 * The view is passed as a record of 32-bit fields (see `field` numbers, mirrored in src/kernels/context-record.ts).
 */

import { anglesAt, rotate } from './angles';
import { addRow, scaleInto, setRow } from './vector';

export const fieldKeyPages: usize = 0;
export const fieldValuePages: usize = 4;
export const fieldRowsPerPage: usize = 8;
export const fieldPositionKeyPages: usize = 12;
export const fieldPositionValuePages: usize = 16;
export const fieldPositionRowsPerPage: usize = 20;
export const fieldIndexPages: usize = 24;
export const fieldScalePages: usize = 28;
export const fieldPageLength: usize = 32;
export const fieldWindow: usize = 36;
export const fieldFirstPosition: usize = 40;
export const fieldKvHeads: usize = 44;
export const fieldHeadDim: usize = 48;
export const fieldHalf: usize = 52;
export const fieldFine: usize = 56;
export const fieldCoarse: usize = 60;
export const fieldFineLength: usize = 64;

/** C rounded up to a multiple of 4: the stride of expanded rows, padded with zeros. */
@inline
export function paddedHeadDim(headDim: i32): i32 {
  return (headDim + 3) & ~3;
}

/** Whether entry i's key and value are row i, as it is stored. */
@inline
export function readsRows(view: usize): bool {
  return (
    load<u32>(view + fieldIndexPages) == 0 &&
    load<u32>(view + fieldScalePages) == 0 &&
    load<u32>(view + fieldPositionKeyPages) == 0 &&
    load<u32>(view + fieldFine) == 0 &&
    load<i32>(view + fieldWindow) == 1
  );
}

/** Whether keys and values can be read where they are. */
export function readsInPlace(view: usize): bool {
  return readsRows(view) && load<i32>(view + fieldHalf) == 0;
}

/** The address of row `row`, head `head`, in a list of pages. */
@inline
export function rowAddress(pages: usize, rowsPerPage: i32, row: i32, rowBytes: usize, headBytes: usize): usize {
  const page = <usize>load<u32>(pages + ((<usize>(row / rowsPerPage)) << 2));
  return page + <usize>(row % rowsPerPage) * rowBytes + headBytes;
}

/** The address of entry `entry`'s word in a list of pages. */
@inline
export function paged(pages: usize, pageLength: i32, entry: i32): usize {
  return <usize>load<u32>(pages + ((<usize>(entry / pageLength)) << 2)) + ((<usize>(entry % pageLength)) << 2);
}

/** cos and sin of entries [start, start + count) into `angles` [count, C]. */
export function blockAngles(view: usize, start: i32, count: i32, angles: usize): void {
  const fine = <usize>load<u32>(view + fieldFine);
  if (fine == 0) return;
  const coarse = <usize>load<u32>(view + fieldCoarse);
  const fineLength = load<i32>(view + fieldFineLength);
  const headDim = load<i32>(view + fieldHeadDim);
  const first = load<i32>(view + fieldFirstPosition) + start;
  for (let i = 0; i < count; i += 1) {
    anglesAt(angles + ((<usize>i * <usize>headDim) << 2), first + i, fine, coarse, fineLength, headDim);
  }
}

/**
 * Where the rows of entries [start, start + count) are: per entry and offset the number of the page and the row's place
 * in it, two i32 each, the place −1 before the start. `places` is [count, w, 2]; one table serves all heads, keys and
 * values.
 */
export function blockPlaces(view: usize, start: i32, count: i32, places: usize): void {
  const rowsPerPage = load<i32>(view + fieldRowsPerPage);
  const index = <usize>load<u32>(view + fieldIndexPages);
  const pageLength = load<i32>(view + fieldPageLength);
  const window = load<i32>(view + fieldWindow);
  let at = places;
  for (let i = 0; i < count; i += 1) {
    const entry = start + i;
    for (let j = 0; j < window; j += 1) {
      if (j > entry) {
        store<i32>(at, -1, 4);
      } else {
        const slot = index == 0 ? entry - j : load<i32>(paged(index, pageLength, entry - j));
        const row = slot * window + j;
        store<i32>(at, row / rowsPerPage);
        store<i32>(at, row % rowsPerPage, 4);
      }
      at += 8;
    }
  }
}

/** Keys (`keys` true) or values of entries [start, start + count), one head, into `out` [count, padded C]. */
export function expandBlock(
  view: usize,
  head: i32,
  start: i32,
  count: i32,
  keys: bool,
  angles: usize,
  places: usize,
  out: usize,
): void {
  const headDim = load<i32>(view + fieldHeadDim);
  const stride = (<usize>paddedHeadDim(headDim)) << 2;
  const half = load<i32>(view + fieldHalf) != 0;
  const shift: usize = half ? 1 : 2;
  const rowBytes = (<usize>(load<i32>(view + fieldKvHeads) * headDim)) << shift;
  const headBytes = (<usize>(head * headDim)) << shift;
  const pages = <usize>load<u32>(view + (keys ? fieldKeyPages : fieldValuePages));
  const positionPages = <usize>load<u32>(view + (keys ? fieldPositionKeyPages : fieldPositionValuePages));
  const positionRowsPerPage = load<i32>(view + fieldPositionRowsPerPage);
  const scale = <usize>load<u32>(view + fieldScalePages);
  const pageLength = load<i32>(view + fieldPageLength);
  const window = load<i32>(view + fieldWindow);
  const rotates = keys && load<u32>(view + fieldFine) != 0;
  if (headDim & 3) memory.fill(out, 0, <usize>count * stride); // the padding
  for (let i = 0; i < count; i += 1) {
    const entry = start + i;
    const target = out + <usize>i * stride;
    for (let j = 0; j < window; j += 1) {
      const at = places + ((<usize>(i * window + j)) << 3);
      const row = load<i32>(at, 4);
      if (row < 0) break;
      const page = <usize>load<u32>(pages + ((<usize>load<i32>(at)) << 2));
      const source = page + <usize>row * rowBytes + headBytes;
      if (j == 0) setRow(target, source, half, headDim);
      else addRow(target, source, half, headDim);
    }
    if (positionPages != 0) {
      const row = rowAddress(positionPages, positionRowsPerPage, entry, rowBytes, headBytes);
      addRow(target, row, half, headDim);
    }
    if (scale != 0) scaleInto(target, target, load<f32>(paged(scale, pageLength, entry)), headDim);
    if (rotates) rotate(target, target, angles + ((<usize>i * <usize>headDim) << 2), headDim, 1);
  }
}
