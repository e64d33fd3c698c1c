/**
 * Scores of queries against a block of dense keys, and their exponentials, by required primitives: what the composed
 * attention, its gradient and its weights share. Which query sees which key is known to the host (IndexTensor.values).
 *
 * Nothing infinite arises: scores of the unseen are lowered by a finite number, and their exponentials are multiplied
 * by 0, so that they weigh exactly nothing.
 */

import { Tensor } from '../tensor/tensor.ts';
import { binary, unary } from './elementwise.ts';
import type { IndexTensor } from './index-tensor.ts';
import { matmul } from './matmul.ts';
import { permute } from './movement.ts';
import { type OperationContext, produce } from './operation-context.ts';

/** Added to scores of the unseen: below every score, far from overflow. */
const unseenOffset = -1e30;

/** How scores are made from products. */
export interface ScoreOptions {
  /** Factor on q·k; usually 1/√C. */
  readonly scale: number;
  /** ALiBi slopes, f32 [H]; null for none. */
  readonly slopes: Tensor | null;
}

/** Queries at positions, and keys [n, G, C] of which key 0 stands at `firstPosition`. */
export interface ScoreInputs {
  /** [T, H, C] */
  readonly queries: Tensor;
  readonly positions: IndexTensor;
  readonly keys: Tensor;
  readonly firstPosition: number;
}

/** scale · q·k − slope · distance, [H, T, n]; far below every score where the query does not see the key. */
export function maskedScores(context: OperationContext, inputs: ScoreInputs, { scale, slopes }: ScoreOptions): Tensor {
  const { queries, keys } = inputs;
  const [rows, heads] = queries.shape as readonly [number, number, number];
  const [entries, kvHeads] = keys.shape as readonly [number, number, number];
  return context.scope(() => {
    const byHead = permute(context, keys, [1, 0, 2]); // [G, n, C]
    const grouped = groupHeads(context, queries, kvHeads); // [G, H/G · T, C]
    const products = matmul(context, grouped, byHead, { transposeB: true, scale }); // [G, H/G · T, n]
    const scores = context.own(products.reshape([heads, rows * entries]));
    const mask = hostTable(context, inputs, (distance) => (distance >= 0 ? 0 : unseenOffset)); // [T · n]
    const masked = binary(context, 'add', scores, mask);
    if (slopes === null) return context.own(masked.reshape([heads, rows, entries]));
    const distance = hostTable(context, inputs, (places) => Math.max(0, places));
    const penalty = binary(
      context,
      'multiply',
      repeatOver(context, distance, heads), // [H, T · n]
      context.own(slopes.reshape([heads, 1])),
    );
    return context.own(binary(context, 'subtract', masked, penalty).reshape([heads, rows, entries]));
  });
}

/** exp(score − shift) of scores [H, T, n] and shifts [H, T]; exactly 0 where the query does not see the key. */
export function seenExponentials(
  context: OperationContext,
  scores: Tensor,
  shift: Tensor,
  inputs: ScoreInputs,
): Tensor {
  const [heads, rows, entries] = scores.shape as readonly [number, number, number];
  return context.scope(() => {
    const seen = hostTable(context, inputs, (distance) => (distance >= 0 ? 1 : 0)); // [T · n]
    const shifted = binary(context, 'subtract', scores, context.own(shift.reshape([heads, rows, 1])));
    const flat = context.own(shifted.reshape([heads, rows * entries]));
    // The first product keeps the exponent of the unseen finite, the second removes them.
    const exponentials = unary(context, 'exp', binary(context, 'multiply', flat, seen));
    return context.own(binary(context, 'multiply', exponentials, seen).reshape([heads, rows, entries]));
  });
}

/** Heads in front, those of one key head together: [T, H, C] -> [G, H/G · T, C]. */
export function groupHeads(context: OperationContext, tensor: Tensor, kvHeads: number): Tensor {
  const [rows, heads, headDim] = tensor.shape as readonly [number, number, number];
  return context.scope(() =>
    context.own(permute(context, tensor, [1, 0, 2]).reshape([kvHeads, (heads / kvHeads) * rows, headDim])),
  );
}

/** The inverse of groupHeads: [G, H/G · T, C] -> [T, H, C]. */
export function ungroupHeads(context: OperationContext, tensor: Tensor, rows: number, heads: number): Tensor {
  const headDim = tensor.shape[2] as number;
  return context.scope(() => permute(context, context.own(tensor.reshape([heads, rows, headDim])), [1, 0, 2]));
}

/** How many entries from `firstPosition` on the query that sees furthest sees: at most `length`. */
export function visibleEntries(positions: IndexTensor, firstPosition: number, length: number): number {
  const last = positions.values.reduce((furthest, position) => Math.max(furthest, position), -1);
  return Math.max(0, Math.min(length, last - firstPosition + 1));
}

/** A number per (query, key) from the distance between them, [T · n]. */
function hostTable(
  context: OperationContext,
  { positions, keys, firstPosition }: ScoreInputs,
  value: (distance: number) => number,
): Tensor {
  const entries = keys.shape[0] as number;
  const data = new Float32Array(positions.length * entries);
  positions.values.forEach((position, row) => {
    for (let entry = 0; entry < entries; entry += 1) {
      data[row * entries + entry] = value(position - firstPosition - entry);
    }
  });
  return context.own(Tensor.from(context.backend, data, [data.length], 'scratch'));
}

/** A vector [n] repeated as rows: [times, n]. */
function repeatOver(context: OperationContext, row: Tensor, times: number): Tensor {
  return produce(context, [times, row.size], (out) =>
    context.backend.primitives.copyBlock({
      input: row,
      inputOffset: 0,
      inputStride: 0,
      out,
      outOffset: 0,
      outStride: row.size,
      outer: times,
      length: row.size,
    }),
  );
}
