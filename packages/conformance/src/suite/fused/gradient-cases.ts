/** One tiny expression per differentiation rule, and some that combine rules. Each is random, peaked where it matters. */

import type { IndexTensor, Operations, RopeAngles } from '@inattention/core';
import { randomNumbers } from '../../inputs/random-numbers.ts';
import { type NdArray, ndArray } from '../../reference/nd-array.ts';

/** Integers and angles an expression may use: the same for the backend and for the reference. */
export interface Places {
  index(values: readonly number[]): IndexTensor;
  /** For heads of size 4, base 10,000. */
  readonly angles: RopeAngles;
}

export interface GradientCase {
  readonly name: string;
  /** Shapes of the inputs, all of which are differentiated for. */
  readonly shapes: readonly (readonly number[])[];
  /** Any shape: its elements are weighed by random numbers and averaged. */
  expression<V>(operations: Operations<V>, inputs: readonly V[], places: Places): V;
  /** Standard deviation of the inputs. Default 1. */
  readonly deviation?: number;
}

/** Random inputs of a case. */
export function inputsOf({ shapes, deviation = 1 }: GradientCase): NdArray[] {
  const random = randomNumbers(101);
  return shapes.map((shape) =>
    ndArray(
      shape,
      random.normals(
        shape.reduce((size, n) => size * n, 1),
        deviation,
      ),
    ),
  );
}

const broadcasts: readonly (readonly [name: string, shape: readonly number[]])[] = [
  ['an equal shape', [3, 4]],
  ['a row', [4]],
  ['one number per row', [3, 1]],
  ['a scalar', [1]],
];

const elementwise = broadcasts.flatMap(([name, shape]) =>
  (['add', 'subtract', 'multiply'] as const).map(
    (kind): GradientCase => ({
      name: `${kind}: ${name}`,
      shapes: [[3, 4], shape],
      expression: (operations, inputs) => operations[kind](inputs[0], inputs[1]),
    }),
  ),
);

/** 5 queries over 6 keys; H = 4, G = 2, C = 4. */
const heads = [
  [5, 4, 4],
  [6, 2, 4],
  [6, 2, 4],
];

const attention = (
  name: string,
  positions: readonly number[],
  firstPosition: number,
  slopes: readonly number[] | null,
): GradientCase => ({
  name: `attention: ${name}`,
  shapes: heads,
  deviation: 1.5,
  expression: (operations, [queries, keys, values], { index }) =>
    operations.attention(queries, keys, values, { positions: index(positions), firstPosition, scale: 0.5, slopes }),
});

export const gradientCases: readonly GradientCase[] = [
  ...elementwise,
  { name: 'scale', shapes: [[7]], expression: (operations, [x]) => operations.scale(x, -2.5) },
  {
    name: 'linear',
    shapes: [
      [3, 5],
      [4, 5],
    ],
    expression: (operations, [x, weight]) => operations.linear(x, weight),
  },
  {
    name: 'linear: of three axes',
    shapes: [
      [2, 3, 5],
      [4, 5],
    ],
    expression: (operations, [x, weight]) => operations.linear(x, weight),
  },
  {
    name: 'embed: ids that repeat, that are missing, that never come',
    shapes: [[6, 3]],
    expression: (operations, [table], { index }) => operations.embed(table, index([5, 0, 5, -1, 2, 5])),
  },
  {
    name: 'rmsNorm: with a gain',
    shapes: [[3, 6], [6]],
    expression: (operations, [x, weight]) => operations.rmsNorm(x, weight, 1e-2),
  },
  {
    name: 'rmsNorm: without, over three axes',
    shapes: [[2, 2, 5]],
    expression: (operations, [x]) => operations.rmsNorm(x, null, 1e-2),
  },
  {
    name: 'rope',
    shapes: [[4, 2, 4]],
    expression: (operations, [x], { index, angles }) => operations.rope(x, index([0, 3, 2050, 32_999]), angles),
  },
  {
    name: 'swiglu',
    shapes: [
      [3, 7],
      [3, 7],
    ],
    deviation: 2,
    expression: (operations, [gate, up]) => operations.swiglu(gate, up),
  },
  attention('chosen positions', [5, 0, 3, 3, 2], 0, null),
  attention('slopes, a first position, a query that sees nothing', [12, 6, 11, 8, 9], 7, [0.5, 0.25, 0.125, 0.0625]),
  attention('no query sees anything', [0, 1, 2, 3, 4], 5, null),
  {
    name: 'crossEntropy',
    shapes: [[4, 9]],
    deviation: 2,
    expression: (operations, [logits], { index }) => operations.crossEntropy(logits, index([8, 0, 3, 3])),
  },
  { name: 'mean', shapes: [[3, 4]], expression: (operations, [x]) => operations.mean(operations.multiply(x, x)) },
  { name: 'reshape', shapes: [[3, 4]], expression: (operations, [x]) => operations.reshape(x, [2, 6]) },
  { name: 'slice', shapes: [[5, 3]], expression: (operations, [x]) => operations.slice(x, 1, 3) },
  {
    name: 'a value used several times, a leaf as its own factor',
    shapes: [[3, 4]],
    expression(operations, [x]) {
      const square = operations.multiply(x, x);
      return operations.add(operations.multiply(square, x), operations.subtract(square, x));
    },
  },
  {
    name: 'a decoder layer: norm, heads, rope, attention, gate, residual',
    shapes: [[5, 8], [8], [16, 8], [8, 8], [8, 8], [8, 16], [8, 8], [8, 8]],
    deviation: 0.7,
    expression(operations, [x, norm, wq, wk, wv, wo, wg, wu], { index, angles }) {
      const positions = index([0, 1, 2, 3, 4]);
      const u = operations.rmsNorm(x, norm, 1e-2);
      const rotated = (weight: typeof x, count: number) =>
        operations.rope(operations.reshape(operations.linear(u, weight), [5, count, 4]), positions, angles);
      const values = operations.reshape(operations.linear(u, wv), [5, 2, 4]);
      const options = { positions, firstPosition: 0, scale: 0.5, slopes: null };
      const mixed = operations.attention(rotated(wq, 4), rotated(wk, 2), values, options);
      const after = operations.add(x, operations.linear(operations.reshape(mixed, [5, 16]), wo));
      return operations.add(after, operations.swiglu(operations.linear(after, wg), operations.linear(after, wu)));
    },
  },
];
