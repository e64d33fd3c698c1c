/**
 * Products: MatMul, or BatchMatMul where there are several matrices. Stored weights (f16, i8) are expanded a part of their
 * columns at a time, so that the floats beside them stay within a bound, whatever the weight.
 */

import type { MatmulArguments, TensorView } from '@inattention/core';
import type { Handle } from '../execution/handle.ts';
import { viewPart } from '../memory/view-part.ts';
import type { KernelContext } from './kernel-context.ts';

/** Floats of a stored weight that are expanded at a time, at most (16 MiB), or one column if that is longer. */
const expandedWeightElements = 2 ** 22;

export function matmul(context: KernelContext, args: MatmulArguments): void {
  const { a, b, out, batch, rows, columns, inner, transposeA, transposeB, strideA, strideB, scale, accumulate } = args;
  const { operations } = context;
  const left = transposeA ? [inner, rows] : [rows, inner];
  const right = transposeB ? [columns, inner] : [inner, columns];
  let product: Handle;
  const single = rowProduct(context, args);
  if (single !== null) {
    context.store(out, single);
    context.bufferOf(out).producer = context.bufferOf(b);
    return;
  }
  if (batch === 1 && b.dtype !== 'f32' && transposeB) product = storedProduct(context, args, context.words(a, left));
  else if (batch === 1)
    product = operations.matmul(context.words(a, left), floats(context, b, right), transposeA, transposeB);
  else {
    const x = context.words(a, strideA === 0 ? left : [batch, ...left]);
    const y = floats(context, b, strideB === 0 ? right : [batch, ...right]);
    const bothRepeat = strideA === 0 && strideB === 0;
    product = operations.batchMatmul(bothRepeat ? operations.reshape(x, [1, ...left]) : x, y, transposeA, transposeB);
    if (bothRepeat)
      product = operations.concat(
        Array.from({ length: batch }, () => product),
        0,
      );
  }
  const scaled = operations.scale(product, scale);
  context.store(out, accumulate ? operations.binary('AddV2', scaled, context.words(out, scaled.shape)) : scaled);
}

/**
 * One row times the rows of a weight. A row that comes head by head, [H, 1, C], is taken so; and where its heads were asked
 * for the last time, the product comes head by head: a decode step reshapes nothing. Null where it is another product.
 */
function rowProduct(context: KernelContext, args: MatmulArguments): Handle | null {
  const { a, b, out, batch, rows, columns, inner, transposeA, transposeB, scale, accumulate } = args;
  const plain = batch === 1 && rows === 1 && transposeB && !transposeA && scale === 1 && !accumulate;
  if (!plain || b.dtype !== 'f32' || ![a, b, out].every((view) => context.isWhole(view))) return null;
  const { operations } = context;
  const [heads = 0, middle, size = 0] = context.words(a).shape;
  if (context.words(a).shape.length === 3 && middle === 1 && heads > 1) {
    return operations.headProduct(context.words(a), context.words(b, [columns, heads, size]));
  }
  const { headShape } = context.bufferOf(b);
  const row = context.words(a, [1, inner]);
  if (headShape === null) return operations.matmul(row, context.words(b, [columns, inner]), false, true);
  const [resultHeads = 1, , resultSize = 1] = headShape;
  return operations.batchMatmul(row, context.words(b, [resultHeads, resultSize, inner]), false, true);
}

function floats(context: KernelContext, view: TensorView, shape: readonly number[]): Handle {
  return view.dtype === 'f32' ? context.words(view, shape) : context.numbers(view, shape);
}

/** op(a) · bᵀ for a stored weight b [columns, inner], by parts of its columns. */
function storedProduct(context: KernelContext, args: MatmulArguments, a: Handle): Handle {
  const { b, columns, inner, transposeA } = args;
  const { operations, runtime } = context;
  const step = Math.max(16, Math.floor(expandedWeightElements / inner / 16) * 16);
  const parts: Handle[] = [];
  for (let first = 0; first < columns; first += step) {
    const count = Math.min(step, columns - first);
    const part = runtime.scope(() => {
      const weight = columns <= step ? floats(context, b, [columns, inner]) : weightRows(context, b, first, count);
      return runtime.pass(operations.matmul(a, weight, transposeA, true)); // [rows, count]
    });
    parts.push(part);
  }
  return operations.concat(parts, 1);
}

/** Rows [first, first + count) of a stored weight [columns, inner] as floats. `first` is a multiple of 16. */
function weightRows(context: KernelContext, view: TensorView, first: number, count: number): Handle {
  const inner = view.shape.at(-1) as number;
  const part = viewPart(view, first * inner, [count, inner]);
  const { blocks } = view;
  if (blocks === undefined) return context.numbers(part);
  const width = blocks.scales.shape.at(-1) as number;
  const scales = viewPart(blocks.scales, first * width, [count, width]);
  const { buffer, byteOffset, dtype, shape } = part;
  return context.numbers({ buffer, byteOffset, dtype, shape, blocks: { ...blocks, scales } });
}
