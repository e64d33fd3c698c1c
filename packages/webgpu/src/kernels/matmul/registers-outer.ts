/**
 * Products without workgroup memory, `b` [inner, columns] in f32 or f16: an invocation holds `rows` × 4 · `vectors`
 * results in registers and adds outer products of a column of `a` and a row of `b`. For a CPU that plays GPU, where
 * barriers cost 3-20 × what they save.
 *
 * Loads per multiplication and addition: (rows + 4 vectors) / (4 rows vectors): 1/4 at 8 × 8. Any sizes: columns
 * beyond the edge are not read, rows beyond it read the last row, neither is written.
 */

import { defineKernel, kernelFamily } from '../../execution/kernel.ts';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { costOf, outTakesVectors, paramsOf, partParams, viewsOf } from './matmul-kernel.ts';
import { operandBinding, type Storage, storageOf } from './operand-loads.ts';
import type { Part } from './parts.ts';

/** Neighbours along x share rows of `b`'s cache lines; few to a workgroup, so that small products use several cores. */
const across = 16;

const registersOuter = kernelFamily(
  (rows: number, vectors: number, aAlongInner: boolean, aStorage: Storage, bStorage: Storage, outVectors: boolean) => {
    return defineKernel({
      name: 'matmul',
      variant: `registers, outer ${[rows, vectors, aAlongInner, aStorage, bStorage, outVectors].join()}`,
      params: partParams,
      bindings: {
        a: operandBinding(aStorage),
        b: operandBinding(bStorage),
        out: { access: 'write', element: outVectors ? 'vec4<f32>' : 'f32' },
      },
      workgroupSize: [across, 1, 1],
      shader: async () =>
        (await import('./registers-outer.wgsl.ts')).registersOuter(
          rows,
          vectors,
          aAlongInner,
          aStorage,
          bStorage,
          outVectors,
        ),
    });
  },
);

export interface OuterShape {
  /** Results of an invocation: rows, and vectors of four columns. */
  readonly rows: 1 | 2 | 4 | 8;
  readonly vectors: 1 | 2 | 4;
}

export function runRegistersOuter(runner: KernelRunner, part: Part, { rows, vectors }: OuterShape): void {
  const { a, b } = part;
  const aStorage = a.alongInner || rows >= 4 ? storageOf(runner, a, part, false) : 'f32';
  const bStorage = storageOf(runner, b, part, false);
  const outVectors = outTakesVectors(runner, part);
  const kernel = registersOuter(rows, vectors, a.alongInner, aStorage, bStorage, outVectors);
  const x = Math.ceil(part.columns / (4 * vectors * across));
  runner.run(kernel, {
    bindings: viewsOf(part),
    params: paramsOf(part),
    workgroups: [x, Math.ceil(part.rows / rows), part.batch],
    ...costOf(
      part,
      [Math.ceil(part.columns / 4 / vectors), aStorage],
      [Math.ceil(part.rows / rows), bStorage],
      outVectors,
    ),
  });
}
