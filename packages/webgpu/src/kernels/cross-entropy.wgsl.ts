/** The texts of cross-entropy.ts. */

import type { Shader } from '../execution/kernel.ts';
import { elementsOf } from './wgsl/elements.ts';
import { lowest, type RowWay, rowWork } from './wgsl/row-work.ts';

export function crossEntropySegment(
  way: RowWay,
  vectors: boolean,
  workgroupSize: number,
): Shader<'logits' | 'targets' | 'partial' | 'picked'> {
  const work = rowWork(way, workgroupSize);
  const { width } = elementsOf(vectors);
  // Four logits at a time, so that one exponential in five rescales; those beyond the segment weigh nothing.
  const step = work.together ? workgroupSize : 1;
  const four = (logits: string) =>
    vectors
      ? `${logits}[start + c]`
      : `vec4<f32>(${[0, 1, 2, 3]
          .map((i) => `select(${lowest}, ${logits}[start + min(c + ${i * step}u, last)], c + ${i * step}u <= last)`)
          .join(', ')})`;
  return {
    declarations: work.declarations,
    main: ({ logits, targets, partial, picked }) => `
  ${work.begin}
  let line = row / params.segments;
  let segment = row % params.segments;
  let begin = segment * params.length;
  let to = min(params.width, begin + params.length);
  let start = params.logits_at + line * params.width + begin;
  var most = ${lowest};
  var total = 0.0;
  let last = to - begin - 1u;
  ${work.loop('(to - begin)', vectors ? 1 : 4)} {
    let x = ${four(logits)};
    let next = max(most, max(max(x.x, x.y), max(x.z, x.w)));
    total = total * exp(most - next) + dot(exp(x - next), vec4<f32>(1.0));
    most = next;
  }
  let whole = ${work.max('most')};
  let all = ${work.sum('total * exp(most - whole)')};
  if (${work.writes}) {
    let place = params.partial_at + line * params.all_segments + params.segment + segment;
    ${partial}[place] = vec2<f32>(whole, all);
    let target_at = u32(${targets}[params.targets_at + line]) - params.column;
    if (target_at >= begin * ${width}u && target_at < to * ${width}u) {
      let found = ${logits}[params.logits_at + line * params.width + target_at / ${width}u];
      ${picked}[params.picked_at + line] = found${vectors ? '[target_at % 4u]' : ''};
    }
  }`,
  };
}

export const crossEntropyMerge: Shader<'partial' | 'picked' | 'log_sum' | 'nll'> = {
  main: ({ partial, picked, log_sum, nll }) => `
  let row = index;
  if (row >= params.rows) { return; }
  let start = params.partial_at + row * params.segments;
  var most = ${lowest};
  for (var s = 0u; s < params.segments; s += 1u) { most = max(most, ${partial}[start + s].x); }
  var total = 0.0;
  for (var s = 0u; s < params.segments; s += 1u) {
    let part = ${partial}[start + s];
    total += part.y * exp(part.x - most);
  }
  let result = most + log(total);
  ${log_sum}[params.log_sum_at + row] = result;
  ${nll}[params.nll_at + row] = result - ${picked}[params.picked_at + row];`,
};
