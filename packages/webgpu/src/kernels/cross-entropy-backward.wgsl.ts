/** The text of cross-entropy-backward.ts. */

import type { Shader } from '../execution/kernel.ts';
import { elementsOf } from './wgsl/elements.ts';

/** `size`: invocations of a workgroup, which work on `each` elements each. */
export function crossEntropyBackward(
  vectors: boolean,
  size: number,
  each: number,
): Shader<'logits' | 'targets' | 'log_sum' | 'grad' | 'out'> {
  const { width } = elementsOf(vectors);
  const span = size * each;
  const one = vectors
    ? 'vec4<f32>(vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(target_at))'
    : 'f32(column == target_at)';
  return {
    main: ({ logits, targets, log_sum, grad, out }) => `
  let row = group.y;
  let start = row * params.width;
  let target_at = u32(${targets}[params.targets_at + row]);
  let weight = ${grad}[params.grad_at + row];
  let shift = ${log_sum}[params.log_sum_at + row];
  let first = group.x * ${span}u + lane;
  for (var place = first; place < min(params.width, first + ${span}u); place += ${size}u) {
    let column = place * ${width}u + params.column;
    let softmax = exp(${logits}[params.logits_at + start + place] - shift);
    ${out}[params.out_at + start + place] = weight * (softmax - ${one});
  }`,
  };
}
