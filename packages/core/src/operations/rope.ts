/**
 * Rotary position embedding (Su et al., arXiv 2104.09864) of pairs (c, c + C/2):
 *
 *     (a, b) → (a cos − b sin, b cos + a sin);   the inverse rotates back, and is also the gradient's rule.
 *
 * cos and sin of a position come from the coarse and fine tables by angle addition.
 */

import type { RopeAngles } from '../backend/context-view.ts';
import { InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { expectShape, formatShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { binary } from './elementwise.ts';
import type { IndexTensor } from './index-tensor.ts';
import { expectFloat, type OperationContext, produce } from './operation-context.ts';
import { gatherRows } from './rows.ts';

/** [n, heads, C] rotated by `positions` [n]. */
export function rope(
  context: OperationContext,
  input: Tensor,
  positions: IndexTensor,
  angles: RopeAngles,
  inverse = false,
): Tensor {
  check(context, input, positions, angles);
  const { rope: fused } = context.fused;
  if (fused === undefined) return context.scope(() => composed(context, input, positions, angles, inverse));
  return produce(context, input.shape, (out) => fused({ input, positions: positions.tensor, angles, inverse, out }));
}

function check(context: OperationContext, input: Tensor, positions: IndexTensor, angles: RopeAngles): void {
  expectFloat(context, input, 'rope: the input', [positions.length, null, null]);
  const headDim = input.shape[2] as number;
  if (headDim % 2 !== 0) {
    throw new ShapeError({
      what: 'rope rotates pairs of components.',
      got: formatShape(input.shape),
      expected: 'heads of even size',
    });
  }
  expectShape(angles.fine.shape, [angles.fineLength, headDim / 2, 2], 'rope: the fine angles');
  expectShape(angles.coarse.shape, [null, headDim / 2, 2], 'rope: the coarse angles');
  const end = angles.fineLength * (angles.coarse.shape[0] as number);
  const wrong = positions.values.find((position) => position < 0 || position >= end);
  if (wrong !== undefined) {
    throw new InvalidArgumentError({
      what: 'rope was given a position that its angles do not reach.',
      got: String(wrong),
      expected: `0 … ${end - 1}`,
    });
  }
}

function composed(
  context: OperationContext,
  input: Tensor,
  positions: IndexTensor,
  angles: RopeAngles,
  inverse: boolean,
): Tensor {
  const [, heads, headDim] = input.shape as readonly [number, number, number];
  const half = headDim / 2;
  const { cos, sin } = cosAndSin(context, positions, angles, half); // [n, C/2]
  const first = copyColumns(context, input, 0, half); // [n · heads, C/2]
  const second = copyColumns(context, input, half, half);
  const perHead = (table: Tensor) => repeatRows(context, table, heads); // [n · heads, C/2]
  const cosines = perHead(cos);
  const sines = perHead(sin);
  const product = (a: Tensor, b: Tensor) => binary(context, 'multiply', a, b);
  const [minus, plus] = inverse ? (['add', 'subtract'] as const) : (['subtract', 'add'] as const);
  const rotatedFirst = binary(context, minus, product(first, cosines), product(second, sines));
  const rotatedSecond = binary(context, plus, product(second, cosines), product(first, sines));
  const out = context.allocate(input.shape);
  pasteColumns(context, rotatedFirst, out, 0, headDim);
  pasteColumns(context, rotatedSecond, out, half, headDim);
  return out;
}

/** cos and sin of each position, [n, C/2] each. */
function cosAndSin(context: OperationContext, positions: IndexTensor, angles: RopeAngles, half: number) {
  const lookup = (table: RopeAngles['fine'], entries: Int32Array) => {
    using ids = Tensor.from(context.backend, entries, [entries.length], 'scratch');
    const length = table.shape[0] as number;
    const flat = { ...viewOf(table), shape: [length, half * 2] };
    const out = context.allocate([entries.length, half * 2]);
    if (out.size > 0) {
      context.backend.primitives.gatherRows({
        pages: [flat],
        rowsPerPage: length,
        ids,
        stride: 1,
        offset: 0,
        width: half * 2,
        accumulate: false,
        out,
      });
    }
    return {
      cos: everySecond(context, out, 0, half), // [n, C/2]
      sin: everySecond(context, out, 1, half),
    };
  };
  const fine = lookup(
    angles.fine,
    positions.values.map((position) => position % angles.fineLength),
  );
  const coarse = lookup(
    angles.coarse,
    positions.values.map((position) => Math.floor(position / angles.fineLength)),
  );
  const product = (a: Tensor, b: Tensor) => binary(context, 'multiply', a, b);
  return {
    cos: binary(context, 'subtract', product(coarse.cos, fine.cos), product(coarse.sin, fine.sin)),
    sin: binary(context, 'add', product(coarse.sin, fine.cos), product(coarse.cos, fine.sin)),
  };
}

function viewOf(table: RopeAngles['fine']) {
  return { buffer: table.buffer, byteOffset: table.byteOffset, dtype: table.dtype, shape: table.shape };
}

/** Elements offset, offset + 2, … of each row of [n, 2 · half]: [n, half]. */
function everySecond(context: OperationContext, input: Tensor, offset: number, half: number): Tensor {
  const rows = input.shape[0] as number;
  const out = context.allocate([rows, half]);
  copyRuns(context, input, offset, 2, out, 0, 1, rows * half, 1);
  return out;
}

function copyColumns(context: OperationContext, input: Tensor, start: number, count: number): Tensor {
  const width = input.shape.at(-1) as number;
  const rows = input.size / width;
  const out = context.allocate([rows, count]);
  copyRuns(context, input, start, width, out, 0, count, rows, count);
  return out;
}

function pasteColumns(context: OperationContext, input: Tensor, out: Tensor, start: number, width: number): void {
  const [rows, count] = input.shape as readonly [number, number];
  copyRuns(context, input, 0, count, out, start, width, rows, count);
}

/** Each row [n, c] repeated `times` in place: [n · times, c]. */
function repeatRows(context: OperationContext, input: Tensor, times: number): Tensor {
  const rows = input.shape[0] as number;
  using ids = Tensor.from(
    context.backend,
    Int32Array.from({ length: rows * times }, (_, row) => Math.floor(row / times)),
    [rows * times],
    'scratch',
  );
  return gatherRows(context, [input], Math.max(1, rows), ids);
}

function copyRuns(
  context: OperationContext,
  input: Tensor,
  inputOffset: number,
  inputStride: number,
  out: Tensor,
  outOffset: number,
  outStride: number,
  outer: number,
  length: number,
): void {
  if (outer * length === 0) return;
  context.backend.primitives.copyBlock({
    input,
    inputOffset,
    inputStride,
    out,
    outOffset,
    outStride,
    outer,
    length,
  });
}
