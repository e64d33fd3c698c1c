/** The texts of rms-norm-backward.ts. */

import type { Shader } from '../execution/kernel.ts';
import { elementsOf } from './wgsl/elements.ts';
import { type RowWay, rowWork } from './wgsl/row-work.ts';

/** gradInput; without a weight there is no such binding. */
export function inputGradient(way: RowWay, size: number, vectors: boolean, weighted: boolean): Shader<string> {
  const work = rowWork(way, size);
  const { type, sum } = elementsOf(vectors);
  return {
    declarations: work.declarations,
    main: ({ input, weight, inverse, grad, out }) => {
      const weigh = weighted ? ` * ${weight}[params.weight_at + c]` : '';
      return `
  ${work.begin}
  let start = row * params.width;
  let scale = ${inverse}[params.inverse_at + row];
  var products = ${type}(0.0);
  ${work.loop('params.width')} {
    products += (${input}[params.input_at + start + c] * scale) * (${grad}[params.grad_at + start + c]${weigh});
  }
  let along = ${work.sum(sum('products'))} * params.per_element * scale;
  ${work.loop('params.width')} {
    let weighted = ${grad}[params.grad_at + start + c]${weigh};
    ${out}[params.out_at + start + c] = scale * (weighted - ${input}[params.input_at + start + c] * along);
  }`;
    },
  };
}

/** partial[first_block + b] = Σ over the rows of block b of grad ⊙ input · inverse. */
export function weightGradient(vectors: boolean): Shader<'input' | 'inverse' | 'grad' | 'partial'> {
  const { type } = elementsOf(vectors);
  return {
    main: ({ input, inverse, grad, partial }) => `
  let column = global.x;
  if (column >= params.width) { return; }
  let first = global.y * params.block;
  var total = ${type}(0.0);
  for (var row = first; row < min(params.rows, first + params.block); row += 1u) {
    let at = row * params.width + column;
    total += ${grad}[params.grad_at + at] * ${input}[params.input_at + at] * ${inverse}[params.inverse_at + row];
  }
  ${partial}[params.partial_at + global.y * params.width + column] = total;`,
  };
}

/** out = Σ_b partial[b], after what out holds when `added`. */
export function sumOfBlocks(vectors: boolean): Shader<'partial' | 'out'> {
  const { type } = elementsOf(vectors);
  return {
    main: ({ partial, out }) => `
  let column = index;
  if (column >= params.width) { return; }
  var total = ${type}(0.0);
  if (params.added == 1u) { total = ${out}[params.out_at + column]; }
  for (var b = 0u; b < params.blocks; b += 1u) { total += ${partial}[params.partial_at + b * params.width + column]; }
  ${out}[params.out_at + column] = total;`,
  };
}
