/**
 * Few rows (decoding) by a weight [columns, inner] of f32, f16 or i8, for GPUs: 32 invocations share a column's inner
 * axis, four such groups to a workgroup, two columns to a group. Neighbours read neighbouring runs of 16 bytes of `b`
 * (512 B a step); sums meet in workgroup memory, in two steps. Where columns are few, workgroups share `inner` too.
 *
 * Bound by memory: b is read once, which is the least possible; `a` (rows × inner) comes from the caches for every two
 * columns. Loads of four per four multiplications and additions: (rows + 2) / (2 rows) of f32, half and a quarter of
 * b's share of f16 and i8. Subgroups would save one of two barriers per workgroup: not used, since which invocations make
 * a subgroup is not promised, and eight sums of neighbours at once need to know (unlike one of all: wgsl/row-work.ts).
 */

import { type BindingDefinition, defineKernel, kernelFamily } from '../../execution/kernel.ts';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { runInSplits, splitParams } from './add-splits.ts';
import { costOf, each, paramsOf, partParams, resultStores, viewsOf } from './matmul-kernel.ts';
import { operandBinding, operandLoads, type Storage, spanOf, storageOf } from './operand-loads.ts';
import type { Part } from './parts.ts';

/** Invocations that share a column, groups of them in a workgroup, columns of a group. */
const lanes = 32;
const groups = 4;
const own = 2;

export const dotColumns = groups * own;

const fewRowsDot = kernelFamily((rows: number, aAlongInner: boolean, aStorage: Storage, bStorage: Storage) => {
  const span = spanOf[bStorage];
  const scaled = bStorage === 'i8x4' || bStorage === 'i8x16';
  const sums = rows * own;
  const cells = (line: (r: number, c: number) => string) => each(rows, (r) => each(own, (c) => line(r, c)));
  const fourOfA = (r: number, k: string) =>
    aAlongInner
      ? `a4(i${r} + ${k})`
      : `vec4<f32>(${[0, 1, 2, 3].map((j) => `a1(i${r} + (${k} + ${j}u) * params.a_step)`).join(', ')})`;
  const bindings: Record<string, BindingDefinition> = {
    a: operandBinding(aStorage),
    b: operandBinding(bStorage),
    ...(scaled && { scales: { access: 'read', element: 'f32' } }),
    out: { access: 'write', element: 'f32' },
  };
  return defineKernel({
    name: 'matmul',
    variant: `few rows, dot ${[rows, aAlongInner, aStorage, bStorage].join()}`,
    params: { ...partParams, ...splitParams },
    bindings,
    workgroupSize: [lanes * groups, 1, 1],
    declarations: ({ a = '', b = '', out = '' }) => `
var<workgroup> partial: array<f32, ${sums * groups * lanes}>;
var<workgroup> eighth: array<f32, ${sums * groups * 8}>;
${operandLoads('a', a, aStorage)}
${operandLoads('b', b, bStorage)}
${resultStores(out, false)}`,
    main: ({ scales = '' }) => `
  let batch = group.z % params.batch;
  let part = group.z / params.batch;
  let l = lane % ${lanes}u;
  let g = lane / ${lanes}u;
  let column = group.x * ${dotColumns}u + g * ${own}u;
  let a_first = batch * params.a_batch;
  let b_first = batch * params.b_batch;
  ${each(rows, (r) => `let i${r} = a_first + min(${r}u, params.rows - 1u)${aAlongInner ? ' * params.a_step' : ''};`)}
  ${each(own, (c) => `let c${c} = min(column + ${c}u, params.columns - 1u);\n  let m${c} = b_first + c${c} * params.b_step;`)}
  ${scaled ? each(own, (c) => `let q${c} = params.scales_at + batch * params.scales_batch + c${c} * params.scales_step;`) : ''}
  ${cells((r, c) => `var s${r}_${c} = vec4<f32>();`)}
  let end = min((part + 1u) * params.split_length, params.inner);
  for (var k = part * params.split_length + l * ${span}u; k < end; k += ${lanes * span}u) {
    ${
      span === 4
        ? `if (k + 4u > end) {
      for (; k < end; k += 1u) {
        ${each(own, (c) => `{ let y = b4within(m${c} + k, 1u).x; ${each(rows, (r) => `s${r}_${c}.x += a1(i${r} + k${aAlongInner ? '' : ' * params.a_step'}) * y;`)} }`)}
      }
      break;
    }`
        : ''
    }
    ${each(own, (c) => `let raw${c} = bRaw(m${c} + k);`)}
    ${scaled ? each(own, (c) => `let scale${c} = ${scales}[q${c} + (k + params.block_start) / params.block_length];`) : ''}
    ${each(
      span / 4,
      (j) => `{ ${each(own, (c) => `let y${c} = piece(raw${c}, ${j}u)${scaled ? ` * scale${c}` : ''};`)}
      ${each(rows, (r) => `{ let x = ${fourOfA(r, `k + ${4 * j}u`)}; ${each(own, (c) => `s${r}_${c} += x * y${c};`)} }`)} }`,
    )}
  }
  ${cells((r, c) => `partial[((g * ${own}u + ${c}u) * ${rows}u + ${r}u) * ${lanes}u + l] = dot(s${r}_${c}, vec4<f32>(1.0));`)}
  workgroupBarrier();
  for (var i = lane; i < ${sums * groups * 8}u; i += ${lanes * groups}u) {
    eighth[i] = (partial[4u * i] + partial[4u * i + 1u]) + (partial[4u * i + 2u] + partial[4u * i + 3u]);
  }
  workgroupBarrier();
  if (lane < ${sums * groups}u) {
    var sum = 0.0;
    for (var i = 0u; i < 8u; i += 1u) { sum += eighth[lane * 8u + i]; }
    let c = group.x * ${dotColumns}u + lane / ${rows}u;
    let r = lane % ${rows}u;
    if (c < params.columns && r < params.rows) {
      put1(group.z * params.out_batch + r * params.out_step + c, sum);
    }
  }`,
  });
});

/** Rows: at most 8. */
export function runFewRowsDot(runner: KernelRunner, part: Part, rows: 1 | 2 | 4 | 8, splits: number): void {
  const { a, b } = part;
  const aStorage = a.alongInner ? storageOf(runner, a, part, false) : 'f32';
  const bStorage = storageOf(runner, b, part, aStorage === 'f32x4');
  const unit = lanes * spanOf[bStorage];
  runInSplits(runner, part, splits, unit, (split, { params, matrices }) => {
    runner.run(fewRowsDot(rows, a.alongInner, aStorage, bStorage), {
      bindings: viewsOf(split),
      params: { ...paramsOf(split), ...params },
      workgroups: [Math.ceil(part.columns / dotColumns), 1, matrices],
      ...costOf(split, [Math.ceil(part.columns / own), aStorage], [1, bStorage], false),
    });
  });
}
