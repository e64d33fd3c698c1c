/**
 * Few rows by a matrix [inner, columns] of f32 or f16, for GPUs: a workgroup takes 64 columns, a vector of them to each
 * of 16 neighbours (256 B a line), and its 8 lines of invocations share `inner`, four indices at a time. Sums meet in
 * workgroup memory, four rows at a time. Where columns are few, workgroups share `inner` too.
 *
 * Bound by memory: b is read once, which is the least possible. Vector loads per four multiplications and additions:
 * (4 + rows) / (4 rows); those of `a` are the same for 16 neighbours.
 */

import { defineKernel, kernelFamily } from '../../execution/kernel.ts';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { runInSplits, splitParams } from './add-splits.ts';
import { costOf, each, outTakesVectors, paramsOf, partParams, resultStores, viewsOf } from './matmul-kernel.ts';
import { operandBinding, operandLoads, type Storage, storageOf } from './operand-loads.ts';
import type { Part } from './parts.ts';

const across = 16;
const down = 8;

export const outerColumns = 4 * across;

const fewRowsOuter = kernelFamily(
  (rows: number, aAlongInner: boolean, aStorage: Storage, bStorage: Storage, outVectors: boolean) => {
    const parts = ['x', 'y', 'z', 'w'];
    const together = Math.min(rows, 4);
    const fourOfA = (r: number) =>
      aAlongInner
        ? `a4within(i${r} + k, left)`
        : `vec4<f32>(${[0, 1, 2, 3].map((j) => `select(0.0, a1(i${r} + (k + ${j}u) * params.a_step), left > ${j}u)`).join(', ')})`;
    return defineKernel({
      name: 'matmul',
      variant: `few rows, outer ${[rows, aAlongInner, aStorage, bStorage, outVectors].join()}`,
      params: { ...partParams, ...splitParams },
      bindings: {
        a: operandBinding(aStorage),
        b: operandBinding(bStorage),
        out: { access: 'write', element: outVectors ? 'vec4<f32>' : 'f32' },
      },
      workgroupSize: [across * down, 1, 1],
      declarations: ({ a, b, out }) => `
var<workgroup> partial: array<vec4<f32>, ${together * down * across}>;
${operandLoads('a', a, aStorage)}
${operandLoads('b', b, bStorage)}
${resultStores(out, outVectors)}`,
      main: () => `
  let batch = group.z % params.batch;
  let part = group.z / params.batch;
  let x = lane % ${across}u;
  let y = lane / ${across}u;
  let column = group.x * ${outerColumns}u + x * 4u;
  let n = min(params.columns - min(column, params.columns), 4u);
  let a_first = batch * params.a_batch;
  let b_first = batch * params.b_batch + column;
  ${each(rows, (r) => `let i${r} = a_first + min(${r}u, params.rows - 1u)${aAlongInner ? ' * params.a_step' : ''};`)}
  ${each(rows, (r) => `var s${r} = vec4<f32>();`)}
  let end = min((part + 1u) * params.split_length, params.inner);
  for (var k = part * params.split_length + y * 4u; k < end; k += ${down * 4}u) {
    let left = end - k;
    ${each(4, (j) => `let y${j} = b4within(b_first + (k + ${j}u) * params.b_step, select(0u, n, left > ${j}u));`)}
    ${each(rows, (r) => `{ let p = ${fourOfA(r)}; ${each(4, (j) => `s${r} += p.${parts[j]} * y${j};`)} }`)}
  }
  ${each(
    rows / together,
    (round) => `
  ${each(together, (r) => `partial[${r * down * across}u + lane] = s${round * together + r};`)}
  workgroupBarrier();
  if (y < ${together}u) {
    let row = ${round * together}u + y;
    var sum = partial[y * ${down * across}u + x];
    for (var i = 1u; i < ${down}u; i += 1u) { sum += partial[y * ${down * across}u + i * ${across}u + x]; }
    if (n > 0u && row < params.rows) { put4(group.z * params.out_batch + row * params.out_step + column, n, sum); }
  }
  workgroupBarrier();`,
  )}`,
    });
  },
);

/** Rows: at most 8. */
export function runFewRowsOuter(runner: KernelRunner, part: Part, rows: 1 | 2 | 4 | 8, splits: number): void {
  const { a, b } = part;
  const aStorage = a.alongInner ? storageOf(runner, a, part, false) : 'f32';
  const bStorage = storageOf(runner, b, part, false);
  runInSplits(runner, part, splits, 4 * down, (split, { params, matrices }) => {
    const vectors = outTakesVectors(runner, split);
    runner.run(fewRowsOuter(rows, a.alongInner, aStorage, bStorage, vectors), {
      bindings: viewsOf(split),
      params: { ...paramsOf(split), ...params },
      workgroups: [Math.ceil(part.columns / outerColumns), 1, matrices],
      ...costOf(split, [Math.ceil(part.columns / 4), aStorage], [1, bStorage], vectors),
    });
  });
}
