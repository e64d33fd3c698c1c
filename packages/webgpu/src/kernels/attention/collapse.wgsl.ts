/** The texts of collapse.ts. */

import type { Shader } from '../../execution/kernel.ts';
import { lowest, type RowWay, rowWork } from '../wgsl/row-work.ts';

/** Steps of a fixed-point number in either of its words: 16,384 sums of ±1 stay within an i32. */
const steps = '65536.0';

/**
 * factors[r, s] = exp(maximum of segment s − maximum of the block) / bound, so that weights of all segments are in [−1, 1];
 * factors[r, segments] = bound, the largest scale. collapsed[p, r] = (maximum, sum of the block / parts).
 */
export function bounds(way: RowWay, size: number, scaled: boolean): Shader<string> {
  const work = rowWork(way, size);
  return {
    declarations: work.declarations,
    main: ({ entries, statistics, factors, collapsed }) => `
  ${work.begin}
  let first = params.statistics_at + row;
  let scales = params.entries_at + params.scales_from;
  var own_maximum = ${lowest};
  ${work.loop('params.segments')} { own_maximum = max(own_maximum, ${statistics}[first + c * params.rows].x); }
  let maximum = ${work.max('own_maximum')};
  var own_sum = 0.0;
  ${work.loop('params.segments')} {
    let part = ${statistics}[first + c * params.rows];
    own_sum += part.y * exp(part.x - maximum);
  }
  let sum = ${work.sum('own_sum')};
  var own_bound = ${scaled ? '1e-30' : '1.0'};
  ${scaled ? `${work.loop('params.count')} { own_bound = max(own_bound, abs(bitcast<f32>(${entries}[scales + c]))); }` : ''}
  let bound = ${work.max('own_bound')};
  let start = params.factors_at + row * (params.segments + 1u);
  ${work.loop('params.segments')} {
    ${factors}[start + c] = exp(${statistics}[first + c * params.rows].x - maximum) / bound;
  }
  ${work.loop('params.parts')} {
    ${collapsed}[params.collapsed_at + c * params.rows + row] = vec2<f32>(maximum, sum / f32(params.parts));
  }
  // What is no number is to stay none.
  if (${work.writes}) { ${factors}[start + params.segments] = select(sum, bound, sum < 1e30); }`,
  };
}

/** Adds an entry's weight to the rows it is made of. */
export function add(window: number, scaled: boolean): Shader<string> {
  return {
    main: ({ weights, entries, factors, sums }) => `
  let entry = global.x;
  if (entry >= params.count) { return; }
  let row = group.y;
  var weight = ${weights}[params.weights_at + row * params.count + entry];
  if (weight == 0.0) { return; }
  weight *= ${factors}[params.factors_at + row * (params.segments + 1u) + entry / params.segment];
  ${scaled ? `weight *= bitcast<f32>(${entries}[params.entries_at + params.scales_from + entry]);` : ''}
  let number = clamp(weight, -1.0, 1.0) * ${steps};
  let high = floor(number);
  let low = i32(round((number - high) * ${steps}));
  for (var offset = 0u; offset < ${window}u; offset++) {
    let slot = bitcast<i32>(${entries}[params.entries_at + params.ahead + entry - offset]);
    if (slot < 0) { continue; }
    let at = params.sums_at + row * params.table_rows + u32(slot) * ${window}u + offset;
    if (high != 0.0) { atomicAdd(&${sums}[at], i32(high)); }
    if (low != 0) { atomicAdd(&${sums}[at + params.size], low); }
  }`,
  };
}

/** Fixed point to f32, in place. */
export function convert(): Shader<string> {
  return {
    main: ({ factors, sums }) => `
  if (index >= params.size) { return; }
  let bound = ${factors}[params.factors_at + (index / params.table_rows) * (params.segments + 1u) + params.segments];
  let at = params.sums_at + index;
  let number = (f32(${sums}[at]) + f32(${sums}[at + params.size]) / ${steps}) / ${steps};
  ${sums}[at] = bitcast<i32>(number * bound);`,
  };
}
