/**
 * Products without workgroup memory, `b` stored [columns, inner] in f32, f16 or i8: an invocation holds rows × columns
 * sums of four, along `inner`, and adds them up at the end. For a CPU that plays GPU, where barriers cost 3-20 × what
 * they save.
 *
 * Loads (of four) per four multiplications and additions: (rows + columns) / (rows columns): 1/2 at 4 × 4. A scale of
 * i8 is read once per block and column. Any sizes: what is beyond an edge reads the last row or column and is not written.
 */

import { type BindingDefinition, defineKernel, kernelFamily } from '../../execution/kernel.ts';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { costOf, paramsOf, partParams, viewsOf } from './matmul-kernel.ts';
import { operandBinding, type Storage, storageOf } from './operand-loads.ts';
import type { Part } from './parts.ts';

const across = 16;

const registersDot = kernelFamily(
  (rows: number, columns: number, aAlongInner: boolean, aStorage: Storage, bStorage: Storage) => {
    const scaled = bStorage === 'i8x4' || bStorage === 'i8x16';
    const bindings: Record<string, BindingDefinition> = {
      a: operandBinding(aStorage),
      b: operandBinding(bStorage),
      ...(scaled && { scales: { access: 'read', element: 'f32' } }),
      out: { access: 'write', element: 'f32' },
    };
    return defineKernel({
      name: 'matmul',
      variant: `registers, dot ${[rows, columns, aAlongInner, aStorage, bStorage].join()}`,
      params: partParams,
      bindings,
      workgroupSize: [across, 1, 1],
      shader: async () =>
        (await import('./registers-dot.wgsl.ts')).registersDot(rows, columns, aAlongInner, aStorage, bStorage),
    });
  },
);

export interface DotShape {
  /** Results of an invocation. */
  readonly rows: 1 | 2 | 4 | 8;
  readonly columns: 1 | 2 | 4;
}

export function runRegistersDot(runner: KernelRunner, part: Part, { rows, columns }: DotShape): void {
  const { a, b } = part;
  const aStorage = a.alongInner ? storageOf(runner, a, part, false) : 'f32';
  const bStorage = storageOf(runner, b, part, aStorage === 'f32x4');
  runner.run(registersDot(rows, columns, a.alongInner, aStorage, bStorage), {
    bindings: viewsOf(part),
    params: paramsOf(part),
    workgroups: [Math.ceil(part.columns / (columns * across)), Math.ceil(part.rows / rows), part.batch],
    ...costOf(part, [Math.ceil(part.columns / columns), aStorage], [Math.ceil(part.rows / rows), bStorage], false),
  });
}
