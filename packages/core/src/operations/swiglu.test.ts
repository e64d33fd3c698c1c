import { expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { dot, expectClose, numericalGradient } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { EagerOperations } from './eager-operations.ts';

const random = seededRandom(11);
const [gate, up, gradOut] = [random.normals(24, 3), random.normals(24), random.normals(24)];
const swiglu = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (x, i) => (x / (1 + Math.exp(-x))) * (b[i] as number));

it('multiplies silu(gate) by up', async () => {
  const [got] = await onDevice(({ operations, tensor }) => operations.swiglu(tensor(gate, [4, 6]), tensor(up, [4, 6])));
  expectClose(got as Float32Array, swiglu(gate, up));
});

it('does not overflow', async () => {
  const [got] = await onDevice(({ operations, tensor }) =>
    operations.swiglu(tensor([-1e4, 1e4], [2]), tensor([2, 2], [2])),
  );
  expectClose(got as Float32Array, [0, 2e4]);
});

it('has the gradients of its formula', async () => {
  const [byGate, byUp] = await onDevice(({ operations, tensor }) => {
    const gradients = operations.swigluBackward(tensor(gate, [24]), tensor(up, [24]), tensor(gradOut, [24]));
    return [gradients.gate, gradients.up];
  });
  expectClose(
    byGate as Float32Array,
    numericalGradient((a) => dot(swiglu(a, up), gradOut), gate),
  );
  expectClose(
    byUp as Float32Array,
    numericalGradient((b) => dot(swiglu(gate, b), gradOut), up),
  );
});

it('refuses two shapes', () => {
  const operations = new EagerOperations(createHostBackend());
  const [a, b] = [operations.zeros([2, 3]), operations.zeros([3, 2])];
  expect(() => operations.swiglu(a, b)).toThrow(ShapeError);
  expect(() => operations.swigluBackward(a, a, b)).toThrow(ShapeError);
});
