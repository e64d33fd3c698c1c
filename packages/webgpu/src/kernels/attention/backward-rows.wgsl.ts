/** The text of backward-rows.ts. */

import type { Shader } from '../../execution/kernel.ts';
import { elementsOf } from '../wgsl/elements.ts';
import { type RowWay, rowWork } from '../wgsl/row-work.ts';

export function backwardRows(way: RowWay, size: number, vectors: boolean, sloped: boolean): Shader<string> {
  const work = rowWork(way, size);
  const { type, sum } = elementsOf(vectors);
  return {
    declarations: work.declarations,
    main: ({ out, grad, log_sum, positions, slopes, records }) => `
  ${work.begin}
  let start = row * params.width;
  var products = ${type}(0.0);
  ${work.loop('params.width')} {
    products += ${out}[params.out_at + start + c] * ${grad}[params.grad_at + start + c];
  }
  let delta = ${work.sum(sum('products'))};
  if (${work.writes}) {
    ${records}[params.records_at + row] = vec4<u32>(
      bitcast<u32>(${log_sum}[params.log_sum_at + row]),
      bitcast<u32>(delta),
      ${sloped ? `bitcast<u32>(${slopes}[params.slopes_at + row % params.heads])` : '0u'},
      bitcast<u32>(${positions}[params.positions_at + row / params.heads]),
    );
  }`,
  };
}
