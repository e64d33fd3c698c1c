/** What attention is given, checked before anything is allocated: shapes, dtypes, ranges, and that a view is whole. */

import type { ContextView, PagedRows } from '../backend/context-view.ts';
import type { TensorView } from '../backend/tensor-view.ts';
import { DTypeError, InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { formatShape, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { IndexTensor } from './index-tensor.ts';
import { expectFloat, expectHere, type OperationContext } from './operation-context.ts';

/** Throws unless queries [T, H, C], positions [T] and slopes [H] fit keys of G heads of size C. */
export function checkQueries(
  context: OperationContext,
  where: string,
  queries: Tensor,
  positions: IndexTensor,
  slopes: Tensor | null,
  { kvHeads, headDim }: Pick<ContextView, 'kvHeads' | 'headDim'>,
): void {
  expectFloat(context, queries, `${where}: the queries`, [positions.length, null, headDim]);
  expectHere(context, positions.tensor, `${where}: the positions`);
  const heads = queries.shape[1] as number;
  if (kvHeads < 1 || heads % kvHeads !== 0) {
    throw new ShapeError({
      what: `${where}: query heads must be a multiple of key heads.`,
      got: `${formatShape(queries.shape)} over ${kvHeads} key heads`,
      expected: '[T, a multiple, C]',
    });
  }
  if (slopes !== null) expectFloat(context, slopes, `${where}: the slopes`, [heads]);
}

/** Throws unless [from, to) lies within the view. */
export function checkRange(where: string, from: number, to: number, length: number): void {
  if (Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= length) return;
  throw new InvalidArgumentError({
    what: `${where} was given an impossible range of entries.`,
    got: `${from} … ${to}`,
    expected: `within 0 … ${length}`,
  });
}

/** Throws unless the view's numbers make sense and its pages cover its length. Slots are trusted. */
export function checkView(context: OperationContext, where: string, view: ContextView): void {
  const { length, firstPosition, kvHeads, headDim, window, pageLength, index, scale, rows, positionRows } = view;
  const counts = { length, firstPosition };
  const sizes = { kvHeads, headDim, window, pageLength, rowsPerPage: rows.rowsPerPage };
  for (const [name, number, least] of [
    ...Object.entries(counts).map(([key, value]) => [key, value, 0] as const),
    ...Object.entries(sizes).map(([key, value]) => [key, value, 1] as const),
  ]) {
    if (Number.isSafeInteger(number) && number >= least) continue;
    throw new InvalidArgumentError({
      what: `${where} was given a context view whose ${name} is impossible.`,
      got: String(number),
      expected: `an integer from ${least} on`,
    });
  }
  if (index === null) checkRows(context, where, view, rows, length * window);
  else checkRows(context, where, view, rows, 0);
  if (positionRows !== null) checkRows(context, `${where}: position rows`, view, positionRows, length);
  if (index !== null) checkPages(`${where}: the index`, index, 'i32', pageLength, length);
  if (scale !== null) checkPages(`${where}: the scale`, scale, 'f32', pageLength, length);
}

function checkRows(
  context: OperationContext,
  where: string,
  { kvHeads, headDim }: ContextView,
  { pages, rowsPerPage }: PagedRows,
  count: number,
): void {
  const { contextDTypes } = context.backend.capabilities;
  expectCovered(where, pages.length * rowsPerPage, count);
  for (const { keys, values } of pages) {
    if (!contextDTypes.includes(keys.dtype) || values.dtype !== keys.dtype) {
      throw new DTypeError({
        what: `${where}: rows are of a dtype that the ${context.backend.name} backend does not take there.`,
        got: `${keys.dtype} keys and ${values.dtype} values`,
        expected: contextDTypes.join(' or '),
      });
    }
    const expected = [keys.shape[0] ?? 0, kvHeads, headDim];
    if (sameShape(keys.shape, expected) && sameShape(values.shape, expected)) continue;
    throw new ShapeError({
      what: `${where}: a page of rows has the wrong shape.`,
      got: `keys ${formatShape(keys.shape)} and values ${formatShape(values.shape)}`,
      expected: `[*, ${kvHeads}, ${headDim}]`,
    });
  }
}

function checkPages(where: string, pages: readonly TensorView[], dtype: DType, pageLength: number, length: number) {
  expectCovered(where, pages.length * pageLength, length);
  for (const page of pages) {
    if (page.dtype === dtype) continue;
    throw new DTypeError({ what: `${where} is of a wrong dtype.`, got: page.dtype, expected: dtype });
  }
}

function expectCovered(where: string, present: number, needed: number): void {
  if (present >= needed) return;
  throw new ShapeError({
    what: `${where}: the pages do not cover the context.`,
    got: `room for ${present}`,
    expected: `${needed}`,
  });
}
