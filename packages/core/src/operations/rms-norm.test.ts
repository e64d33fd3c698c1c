import { describe, expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { dot, expectClose, numericalGradient } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { EagerOperations } from './eager-operations.ts';

const [rows, width, epsilon] = [4, 6, 1e-3];
const random = seededRandom(8);
const x = random.normals(rows * width, 0.1); // small, so that epsilon counts
const gain = random.normals(width);
const gradOut = random.normals(rows * width);

function inverseRms(input: ArrayLike<number>): number[] {
  return Array.from({ length: rows }, (_, r) => {
    let total = 0;
    for (let k = 0; k < width; k += 1) total += (input[r * width + k] as number) ** 2;
    return 1 / Math.sqrt(total / width + epsilon);
  });
}

function norm(input: ArrayLike<number>, weight: ArrayLike<number> | null): number[] {
  const factors = inverseRms(input);
  return Array.from(
    input,
    (value, i) => (weight?.[i % width] ?? 1) * value * (factors[Math.floor(i / width)] as number),
  );
}

describe.each([
  ['with a weight', gain],
  ['without', null],
])('rmsNorm %s', (_, weight) => {
  it('divides by the root of the mean square', async () => {
    const results = await onDevice(({ operations, tensor }) => {
      const g = weight && tensor(weight, [width]);
      const both = operations.rmsNormWithInverse(tensor(x, [rows, width]), g, epsilon);
      expect(both.inverseRms.shape).toEqual([rows]);
      const deep = operations.rmsNorm(tensor(x, [2, 2, width]), g, epsilon);
      expect(deep.shape).toEqual([2, 2, width]);
      return [both.out, both.inverseRms, deep, operations.inverseRms(tensor(x, [rows, width]), epsilon)];
    });
    const [out, factors] = [norm(x, weight), inverseRms(x)];
    for (const [i, expected] of [out, factors, out, factors].entries())
      expectClose(results[i] as Float32Array, expected);
  });

  it('has the gradient of its formula', async () => {
    const [gradInput, gradWeight] = await onDevice(({ operations, tensor }) => {
      const input = tensor(x, [rows, width]);
      const g = weight && tensor(weight, [width]);
      const { inverseRms: factors } = operations.rmsNormWithInverse(input, g, epsilon);
      const gradients = operations.rmsNormBackward(input, g, factors, tensor(gradOut, [rows, width]));
      return gradients.weight === null ? [gradients.input] : [gradients.input, gradients.weight];
    });
    const byInput = numericalGradient((input) => dot(norm(input, weight), gradOut), x);
    expectClose(gradInput as Float32Array, byInput, { relative: 2e-6 });
    if (weight === null) return expect(gradWeight).toBeUndefined();
    expectClose(
      gradWeight as Float32Array,
      numericalGradient((g) => dot(norm(x, g), gradOut), weight),
      { relative: 2e-6 },
    );
  });
});

it('takes no rows', async () => {
  const results = await onDevice(({ operations, tensor }) => {
    const [input, weight] = [tensor([], [0, 3]), tensor([1, 1, 1], [3])];
    const { out, inverseRms: factors } = operations.rmsNormWithInverse(input, weight, epsilon);
    const gradients = operations.rmsNormBackward(input, weight, factors, out);
    return [out, gradients.input, gradients.weight ?? out];
  });
  expect(results).toEqual([new Float32Array(0), new Float32Array(0), new Float32Array(3)]);
});

it('refuses a weight or gradient of another shape', () => {
  const operations = new EagerOperations(createHostBackend());
  const [input, factors] = [operations.zeros([2, 3]), operations.zeros([2])];
  expect(() => operations.rmsNorm(input, operations.zeros([2]), epsilon)).toThrow(ShapeError);
  expect(() => operations.rmsNorm(operations.zeros([]), null, epsilon)).toThrow(/at least one axis/);
  expect(() => operations.rmsNormBackward(input, null, factors, operations.zeros([3, 2]))).toThrow(
    /the gradient has the wrong shape/,
  );
  expect(() => operations.rmsNormBackward(input, null, operations.zeros([3]), input)).toThrow(ShapeError);
});
