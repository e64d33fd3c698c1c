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
import { costOf, each, paramsOf, partParams, resultStores, viewsOf } from './matmul-kernel.ts';
import { operandBinding, operandLoads, type Storage, spanOf, storageOf } from './operand-loads.ts';
import type { Part } from './parts.ts';

const across = 16;

const registersDot = kernelFamily(
  (rows: number, columns: number, aAlongInner: boolean, aStorage: Storage, bStorage: Storage) => {
    const span = spanOf[bStorage];
    const scaled = bStorage === 'i8x4' || bStorage === 'i8x16';
    const cells = (line: (r: number, c: number) => string) => each(rows, (r) => each(columns, (c) => line(r, c)));
    const fourOfA = (r: number, k: string) =>
      aAlongInner
        ? `a4(i${r} + ${k})`
        : `vec4<f32>(${[0, 1, 2, 3].map((j) => `a1(i${r} + (${k} + ${j}u) * params.a_step)`).join(', ')})`;
    const oneOfA = (r: number) => (aAlongInner ? `a1(i${r} + k)` : `a1(i${r} + k * params.a_step)`);
    const piece = (c: number, j: number) => `piece(raw${c}, ${j}u)${scaled ? ` * q${c}` : ''}`;
    const runs = (end: string) => `
  for (; k + ${span}u <= ${end}; k += ${span}u) {
    ${each(columns, (c) => `let raw${c} = bRaw(m${c} + k);`)}
    ${each(
      span / 4,
      (j) => `{ ${each(rows, (r) => `let x${r} = ${fourOfA(r, `k + ${4 * j}u`)};`)}
      ${each(columns, (c) => `let y${c} = ${piece(c, j)};`)}
      ${cells((r, c) => `s${r}_${c} += x${r} * y${c};`)} }`,
    )}
  }`;
    const blocks = `
  for (var block = 0u; k < params.inner; block += 1u) {
    ${each(columns, (c) => `let q${c} = SCALES[params.scales_at + q_first + min(column + ${c}u, params.columns - 1u) * params.scales_step + block];`)}
    let end = min((block + 1u) * params.block_length - params.block_start, params.inner);
    ${runs('end')}
  }`;
    const ends = `
  for (; k < params.inner; k += 1u) {
    ${each(rows, (r) => `let x${r} = ${oneOfA(r)};`)}
    ${each(columns, (c) => `{ let y = b1(m${c} + k); ${each(rows, (r) => `s${r}_${c}.x += x${r} * y;`)} }`)}
  }`;
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
      declarations: ({ a = '', b = '', out = '' }) =>
        [operandLoads('a', a, aStorage), operandLoads('b', b, bStorage), resultStores(out, false)].join('\n'),
      main: ({ scales = '' }) => `
  let column = global.x * ${columns}u;
  let row = global.y * ${rows}u;
  if (column >= params.columns) { return; }
  let a_first = group.z * params.a_batch;
  let b_first = group.z * params.b_batch;
  let q_first = group.z * params.scales_batch;
  ${each(rows, (r) => `let i${r} = a_first + min(row + ${r}u, params.rows - 1u)${aAlongInner ? ' * params.a_step' : ''};`)}
  ${each(columns, (c) => `let m${c} = b_first + min(column + ${c}u, params.columns - 1u) * params.b_step;`)}
  ${cells((r, c) => `var s${r}_${c} = vec4<f32>();`)}
  var k = 0u;${scaled ? blocks.replaceAll('SCALES', scales) : runs('params.inner') + (span === 4 ? ends : '')}
  let o = group.z * params.out_batch + row * params.out_step + column;
  ${each(
    rows,
    (r) => `if (row + ${r}u < params.rows) {
    ${each(columns, (c) => `if (column + ${c}u < params.columns) { put1(o + ${r}u * params.out_step + ${c}u, dot(s${r}_${c}, vec4<f32>(1.0))); }`)}
  }`,
  )}`,
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
    ...costOf(part),
  });
}
