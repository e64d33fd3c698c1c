/**
 * Softmax of a block's scores, segment by segment, in place: scores[r, i] becomes exp(score − maximum of the segment), 0
 * where the query of row r does not see entry i; statistics[segment, r] = (maximum, sum), (lowest f32, 0) where nothing
 * of the segment is seen. A workgroup to a row and segment, or an invocation (software). 8 bytes a score are read and
 * written, beside the 2·G·C/H numbers per score of keys and values.
 */

import { defineKernel, kernelFamily } from '../../execution/kernel.ts';
import { type RowWay, rowWork } from '../wgsl/row-work.ts';
import { positionsBinding } from './scores.ts';

export const lowestFloat = '-0x1.fffffep+127f';

/** Invocations of a workgroup that shares a row. */
export const softmaxSize = 64;

export const softmaxKernel = kernelFamily((way: RowWay) => {
  const work = rowWork(way, softmaxSize);
  return defineKernel({
    name: 'attend-softmax',
    variant: way,
    params: {
      rows: 'u32', // segments · T · H
      query_rows: 'u32', // T · H
      heads: 'u32',
      count: 'u32', // entries of the block
      segment: 'u32', // entries of a segment
      first_position: 'i32',
    },
    bindings: {
      positions: positionsBinding,
      scores: { access: 'write', element: 'f32' },
      statistics: { access: 'write', element: 'vec2<f32>' },
    },
    workgroupSize: [work.size, 1, 1],
    subgroups: work.subgroups,
    declarations: work.declarations,
    main: ({ positions, scores, statistics }) => `
  ${work.begin}
  let r = row % params.query_rows;
  let first = (row / params.query_rows) * params.segment;
  let length = min(params.segment, params.count - first);
  let t = r / params.heads;
  let distance = ${positions}[t >> 2u][t & 3u] - params.first_position - i32(first);
  let seen = u32(clamp(distance + 1, 0, i32(length)));
  let start = params.scores_at + r * params.count + first;
  var own_maximum = ${lowestFloat};
  ${work.loop('seen')} { own_maximum = max(own_maximum, ${scores}[start + c]); }
  let maximum = ${work.max('own_maximum')};
  var own_sum = 0.0;
  ${work.loop('length')} {
    var weight = 0.0;
    if (c < seen) { weight = exp(${scores}[start + c] - maximum); }
    ${scores}[start + c] = weight;
    own_sum += weight;
  }
  let sum = ${work.sum('own_sum')};
  if (${work.writes}) { ${statistics}[params.statistics_at + row] = vec2<f32>(maximum, sum); }`,
  });
});
