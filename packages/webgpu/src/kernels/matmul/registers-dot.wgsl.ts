/** The text of registers-dot.ts. */

import type { Shader } from '../../execution/kernel.ts';
import { each, resultStores } from './matmul-kernel.ts';
import { operandLoads, type Storage, spanOf } from './operand-loads.ts';

export function registersDot(
  rows: number,
  columns: number,
  aAlongInner: boolean,
  aStorage: Storage,
  bStorage: Storage,
): Shader<string> {
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
  return {
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
  };
}
