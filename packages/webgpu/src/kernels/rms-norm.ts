/**
 * rmsNorm: out[r] = weight ⊙ input[r] / sqrt(mean(input[r]²) + ε), rows [n, D].
 *
 * A workgroup to a row (or an invocation, wgsl/row-work.ts), which reads the row twice: the second time it is in the
 * cache. Memory-bound: 8 bytes per element are the least, and all that comes from memory while a row fits the cache.
 */

import type { RmsNormArguments } from '@inattention/core';
import { type BindingDefinition, defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { rowRuns, rowsOf, sliceOf } from './pieces.ts';
import { canUseVectors, elementsOf } from './wgsl/elements.ts';
import { type RowWay, rowInvocations, rowWayOf, rowWork, sizeForRow } from './wgsl/row-work.ts';

const kernels = kernelFamily(
  (way: RowWay, size: number, vectors: boolean, weighted: boolean, keepsInverse: boolean) => {
    const work = rowWork(way, size);
    const { type, sum } = elementsOf(vectors);
    const bindings: Record<string, BindingDefinition> = {
      input: { access: 'read', element: type },
      ...(weighted && { weight: { access: 'read', element: type } }),
      out: { access: 'write', element: type },
      ...(keepsInverse && { inverse: { access: 'write', element: 'f32' } }),
    };
    return defineKernel({
      name: 'rms-norm',
      variant: `${way} ${work.size} ${vectors} ${weighted} ${keepsInverse}`,
      params: { rows: 'u32', width: 'u32', per_element: 'f32', epsilon: 'f32' },
      bindings,
      workgroupSize: [work.size, 1, 1],
      subgroups: work.subgroups,
      declarations: work.declarations,
      main: ({ input, weight, out, inverse }) => `
  ${work.begin}
  let start = row * params.width;
  var squares = ${type}(0.0);
  ${work.loop('params.width')} {
    let x = ${input}[params.input_at + start + c];
    squares += x * x;
  }
  let scale = inverseSqrt(${work.sum(sum('squares'))} * params.per_element + params.epsilon);
  ${work.loop('params.width')} {
    let normalised = ${input}[params.input_at + start + c] * scale;
    ${out}[params.out_at + start + c] = normalised${weighted ? ` * ${weight}[params.weight_at + c]` : ''};
  }
  ${keepsInverse ? `if (${work.writes}) { ${inverse}[params.inverse_at + row] = scale; }` : ''}`,
    });
  },
);

export function rmsNorm(
  runner: KernelRunner,
  { input, weight, epsilon, out, inverseRms }: RmsNormArguments,
  together = !runner.traits.software,
): void {
  const [rows = 0, width = 0] = input.shape;
  if (width === 0) return;
  const vectors = canUseVectors(runner, width, input, weight, out);
  const length = vectors ? width / 4 : width;
  const size = sizeForRow(length);
  const way = rowWayOf(runner, together, size);
  const kernel = kernels(way, size, vectors, weight !== null, inverseRms !== null);
  const work = rowWork(way, size);
  for (const { first, count } of rowRuns(runner, rows, width)) {
    runner.run(kernel, {
      bindings: {
        input: rowsOf(input, first, count),
        ...(weight !== null && { weight }),
        out: rowsOf(out, first, count),
        ...(inverseRms !== null && { inverse: sliceOf(inverseRms, first, count) }),
      },
      params: { rows: count, width: length, per_element: 1 / width, epsilon },
      workgroups: gridOf(rowInvocations(work, count), work.size),
      flops: 4 * count * width,
    });
  }
}
