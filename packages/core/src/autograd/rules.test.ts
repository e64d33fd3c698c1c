/** Every gradient rule against central differences of its forward operation. */

import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import type { RopeAngles } from '../backend/context-view.ts';
import { EagerOperations } from '../operations/eager-operations.ts';
import { IndexTensor } from '../operations/index-tensor.ts';
import type { Operations } from '../operations/operations.ts';
import { type Shape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { RecordingOperations } from './recording-operations.ts';

const backend = createHostBackend();
const index = (...values: number[]) => new IndexTensor(backend, values);

/** As many inputs as a case has shapes; the others are not used. */
type Inputs<V> = readonly [a: V, b: V, c: V];

interface RuleCase {
  readonly name: string;
  readonly shapes: readonly Shape[];
  readonly compute: <V>(run: Operations<V>, inputs: Inputs<V>) => V;
}

/** cos and sin of two pairs at each position, [n, 2, 2]. */
function rotations(positions: readonly number[]): Tensor {
  const numbers = positions.flatMap((p) => [Math.cos(p), Math.sin(p), Math.cos(p / 3), Math.sin(p / 3)]);
  return Tensor.from(backend, Float32Array.from(numbers), [positions.length, 2, 2], 'weights');
}
const angles: RopeAngles = { fineLength: 4, fine: rotations([0, 1, 2, 3]), coarse: rotations([0, 4, 8]) };

const attention = (slopes: number[] | null, firstPosition: number) => ({
  positions: index(firstPosition + 4, firstPosition + 1, firstPosition + 9),
  firstPosition,
  scale: 0.8,
  slopes,
});
const attentionShapes = [
  [3, 4, 2],
  [5, 2, 2],
  [5, 2, 2],
];
const repetitions: Shape[] = [[2, 3, 4], [4], [3, 4], [2, 1, 1], [2, 3, 1], [], [1, 1]];

const cases: readonly RuleCase[] = [
  ...repetitions.flatMap((shape): RuleCase[] => [
    { name: `add of [${shape}]`, shapes: [[2, 3, 4], shape], compute: (run, [a, b]) => run.add(a, b) },
    { name: `subtract of [${shape}]`, shapes: [[2, 3, 4], shape], compute: (run, [a, b]) => run.subtract(a, b) },
    { name: `multiply of [${shape}]`, shapes: [[2, 3, 4], shape], compute: (run, [a, b]) => run.multiply(a, b) },
  ]),
  { name: 'the square of a value', shapes: [[5]], compute: (run, [a]) => run.multiply(a, a) },
  { name: 'the double of a value', shapes: [[5]], compute: (run, [a]) => run.add(a, a) },
  { name: 'a value less itself', shapes: [[5]], compute: (run, [a]) => run.subtract(a, a) },
  { name: 'scale', shapes: [[2, 3]], compute: (run, [a]) => run.scale(a, -2.5) },
  {
    name: 'linear',
    shapes: [
      [2, 3, 4],
      [5, 4],
    ],
    compute: (run, [x, weight]) => run.linear(x, weight),
  },
  { name: 'embed', shapes: [[6, 3]], compute: (run, [table]) => run.embed(table, index(5, 0, -1, 5, 2)) },
  {
    name: 'embed several times, and the table as weights',
    shapes: [[6, 3]],
    compute: (run, [table]) => {
      const rows = run.add(run.embed(table, index(5, 0, -1, 5)), run.embed(table, index(1, 5, 5, -1)));
      return run.add(run.linear(rows, table), run.linear(run.embed(table, index(2, 2, 0, 3)), table));
    },
  },
  { name: 'embed of deep rows', shapes: [[4, 2, 2]], compute: (run, [table]) => run.embed(table, index(3, 3)) },
  {
    name: 'rmsNorm',
    shapes: [[2, 3, 4], [4]],
    compute: (run, [x, g]) => run.rmsNorm(x, g, 1e-2),
  },
  { name: 'rmsNorm without weight', shapes: [[3, 4]], compute: (run, [x]) => run.rmsNorm(x, null, 1e-2) },
  { name: 'rope', shapes: [[3, 2, 4]], compute: (run, [x]) => run.rope(x, index(11, 0, 5), angles) },
  {
    name: 'swiglu',
    shapes: [
      [3, 4],
      [3, 4],
    ],
    compute: (run, [gate, up]) => run.swiglu(gate, up),
  },
  {
    name: 'attention',
    shapes: attentionShapes,
    compute: (run, [q, k, v]) => run.attention(q, k, v, attention(null, 0)),
  },
  {
    name: 'attention with slopes, from a position on',
    shapes: attentionShapes,
    compute: (run, [q, k, v]) => run.attention(q, k, v, attention([0.4, 0.2, 0.1, 0.05], 7)),
  },
  {
    name: 'attention to itself',
    shapes: [[4, 2, 2]],
    compute: (run, [x]) =>
      run.attention(x, x, x, { positions: index(0, 1, 2, 3), firstPosition: 0, scale: 1, slopes: null }),
  },
  { name: 'crossEntropy', shapes: [[3, 5]], compute: (run, [x]) => run.crossEntropy(x, index(4, 0, 2)) },
  { name: 'mean', shapes: [[2, 3]], compute: (run, [x]) => run.mean(run.multiply(x, x)) },
  { name: 'reshape', shapes: [[2, 6]], compute: (run, [x]) => run.reshape(x, [3, 4]) },
  { name: 'slice', shapes: [[5, 2]], compute: (run, [x]) => run.slice(x, 1, 3) },
  {
    name: 'slices that overlap',
    shapes: [[5, 2]],
    compute: (run, [x]) => run.add(run.slice(x, 0, 4), run.slice(x, 1, 4)),
  },
  { name: 'an empty slice', shapes: [[5, 2]], compute: (run, [x]) => run.add(run.slice(x, 2, 1), run.slice(x, 4, 1)) },
];

/** As many inputs as there are; the last stands in for the others. */
function fill<V>(inputs: readonly V[]): Inputs<V> {
  const [a, b = a, c = b] = inputs;
  return [a, b, c] as Inputs<V>;
}

describe.each(cases)('the gradient of $name', ({ shapes, compute }) => {
  const random = seededRandom(90);
  const inputs = shapes.map((shape) => random.normals(sizeOf(shape)));
  const operations = new EagerOperations(backend);
  const upload = (numbers: readonly ArrayLike<number>[]) =>
    fill(numbers.map((data, i) => operations.upload(Float32Array.from(data), shapes[i] as Shape)));
  const size = operations.scope(() => compute(operations, upload(inputs))).size;
  const factors = random.normals(size); // every element of the result counts differently

  /** Σ factors ⊙ result. */
  async function loss(numbers: readonly ArrayLike<number>[]): Promise<number> {
    const out = operations.scope(() => compute(operations, upload(numbers)));
    const result = await out.readFloat32();
    out.dispose();
    return result.reduce((total, value, i) => total + value * (factors[i] as number), 0);
  }

  async function differences(which: number): Promise<number[]> {
    const step = 2 ** -6;
    const gradient: number[] = [];
    for (let i = 0; i < (inputs[which] as Float32Array).length; i += 1) {
      const moved = (by: number) =>
        inputs.map((data, at) => (at === which ? data.map((value, k) => (k === i ? value + by : value)) : data));
      gradient.push(((await loss(moved(step))) - (await loss(moved(-step)))) / (2 * step));
    }
    return gradient;
  }

  it('agrees with differences', async () => {
    using tape = new RecordingOperations(operations);
    const tensors = upload(inputs).slice(0, shapes.length);
    const parameters = tensors.map((tensor) => tape.parameter(tensor));
    const out = tape.reshape(compute(tape, fill(parameters)), [size]);
    const weighted = tape.multiply(out, tape.constant(operations.upload(factors, [size])));
    using gradients = tape.backward(tape.scale(tape.mean(weighted), size));
    for (const [i, parameter] of parameters.entries()) {
      const gradient = gradients.get(parameter);
      expect(gradient?.shape).toEqual(shapes[i]);
      expectClose(await (gradient as Tensor).readFloat32(), await differences(i), { relative: 5e-4, absolute: 1e-4 });
    }
  });

  it('is computed for the wanted inputs alone', async () => {
    for (const [wanted] of shapes.entries()) {
      using tape = new RecordingOperations(operations);
      const leaves = upload(inputs)
        .slice(0, shapes.length)
        .map((tensor, i) => (i === wanted ? tape.parameter(tensor) : tape.constant(tensor)));
      using gradients = tape.backward(tape.mean(compute(tape, fill(leaves))));
      expect(leaves.map((leaf) => gradients.get(leaf) !== undefined)).toEqual(leaves.map((_, i) => i === wanted));
    }
  });
});
