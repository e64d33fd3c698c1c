/** The text of registers-outer.ts. */

import type { Shader } from '../../execution/kernel.ts';
import { each, resultStores } from './matmul-kernel.ts';
import { operandLoads, type Storage } from './operand-loads.ts';

export function registersOuter(
  rows: number,
  vectors: number,
  aAlongInner: boolean,
  aStorage: Storage,
  bStorage: Storage,
  outVectors: boolean,
): Shader<string> {
  const cells = (line: (r: number, c: number) => string) => each(rows, (r) => each(vectors, (c) => line(r, c)));
  const wholeB = bStorage === 'f32x4' || bStorage === 'f16x4';
  const readB = (c: number, k: string) =>
    wholeB
      ? `let y${c} = b4(b_first + (${k}) * params.b_step + column${c});`
      : `let y${c} = b4within(b_first + (${k}) * params.b_step + column${c}, n${c});`;
  const xs = ['x', 'y', 'z', 'w'];
  const vectorRows = aStorage === 'f32x4';
  // One inner index: the column of a in p0 …
  const columnOfA = (k: string) =>
    vectorRows
      ? each(rows / 4, (q) => `let u${q} = a4(a_first + ${k} * params.a_step + i${q * 4});`) +
        each(rows, (r) => `let p${r} = u${Math.floor(r / 4)}.${xs[r % 4]};`)
      : each(rows, (r) => `let p${r} = a1(a_first + ${k} * params.a_step + i${r});`);
  const rowOfA = (k: string) => each(rows, (r) => `let p${r} = a1(i${r} + ${k});`);
  const single = (column: string, k: string) => `${column}
    ${each(vectors, (c) => readB(c, k))}
    ${cells((r, c) => `s${r}_${c} += p${r} * y${c};`)}`;
  const fours = `
  for (; k + 4u <= params.inner; k += 4u) {
    ${each(rows, (r) => `let x${r} = a4(i${r} + k);`)}
    ${each(4, (j) => `{ ${each(vectors, (c) => readB(c, `k + ${j}u`))} ${cells((r, c) => `s${r}_${c} += x${r}.${xs[j]} * y${c};`)} }`)}
  }`;
  return {
    declarations: ({ a = '', b = '', out = '' }) =>
      [operandLoads('a', a, aStorage), operandLoads('b', b, bStorage), resultStores(out, outVectors)].join('\n'),
    main: () => `
  let column = global.x * ${4 * vectors}u;
  let row = global.y * ${rows}u;
  if (column >= params.columns) { return; }
  let a_first = group.z * params.a_batch;
  let b_first = group.z * params.b_batch;
  ${each(vectors, (c) => `let n${c} = select(0u, params.columns - column - ${4 * c}u, column + ${4 * c}u < params.columns);`)}
  ${each(vectors, (c) => `let column${c} = ${wholeB ? `min(column + ${4 * c}u, params.columns - 4u)` : `column + ${4 * c}u`};`)}
  ${each(rows, (r) => (aAlongInner ? `let i${r} = a_first + min(row + ${r}u, params.rows - 1u) * params.a_step;` : vectorRows ? (r % 4 === 0 ? `let i${r} = min(row + ${r}u, params.rows - 4u);` : '') : `let i${r} = min(row + ${r}u, params.rows - 1u);`))}
  ${cells((r, c) => `var s${r}_${c} = vec4<f32>();`)}
  var k = 0u;${aAlongInner ? fours : ''}
  for (; k < params.inner; k += 1u) {
    ${single(aAlongInner ? rowOfA('k') : columnOfA('k'), 'k')}
  }
  let o = group.z * params.out_batch + row * params.out_step + column;
  ${cells((r, c) => `if (row + ${r}u < params.rows && n${c} > 0u) { put4(o + ${r}u * params.out_step + ${4 * c}u, n${c}, s${r}_${c}); }`)}`,
  };
}
