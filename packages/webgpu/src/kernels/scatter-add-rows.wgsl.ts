/** The text of scatter-add-rows.ts. */

import type { Shader } from '../execution/kernel.ts';

export const scatterAddRows: Shader<'source' | 'rows' | 'starts' | 'order' | 'out'> = {
  main: ({ source, rows, starts, order, out }) => `
  if (index >= params.count) { return; }
  let u = index / params.units;
  let k = index % params.units;
  let row = ${rows}[params.rows_at + u] - params.first_out;
  if (row < 0 || row >= params.outs) { return; }
  let begin = max(${starts}[params.starts_at + u] - params.first_order, 0);
  let end = min(${starts}[params.starts_at + u + 1u] - params.first_order, params.orders);
  let at = params.out_at + u32(row) * params.units + k;
  var total = ${out}[at];
  for (var s = begin; s < end; s++) {
    let chosen = ${order}[params.order_at + u32(s)] - params.first_source;
    if (chosen >= 0 && chosen < params.sources) {
      total += ${source}[params.source_at + u32(chosen) * params.units + k];
    }
  }
  ${out}[at] = total;`,
};
