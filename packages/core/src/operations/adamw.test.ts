import { expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { expectClose } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { type AdamWOptions, adamw } from './adamw.ts';
import { EagerOperations } from './eager-operations.ts';

const rates = { learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.1 };

it('follows the formula for three steps', async () => {
  const size = 10;
  const random = seededRandom(13);
  const start = random.normals(size);
  const gradients = [1, 2, 3].map(() => random.normals(size));
  const results = await onDevice(({ operations, tensor }) => {
    const [parameter, firstMoment, secondMoment] = [
      tensor(start, [2, 5]),
      operations.zeros([2, 5]),
      operations.zeros([2, 5]),
    ];
    gradients.forEach((gradient, i) => {
      const state = { parameter, gradient: tensor(gradient, [2, 5]), firstMoment, secondMoment };
      adamw(operations, state, { ...rates, step: i + 1 });
    });
    return [parameter, firstMoment, secondMoment];
  });
  const [p, m, v] = [Float64Array.from(start), new Float64Array(size), new Float64Array(size)];
  gradients.forEach((gradient, i) => {
    for (let k = 0; k < size; k += 1) {
      const g = gradient[k] as number;
      m[k] = 0.9 * (m[k] as number) + 0.1 * g;
      v[k] = 0.99 * (v[k] as number) + 0.01 * g * g;
      const [first, second] = [(m[k] as number) / (1 - 0.9 ** (i + 1)), (v[k] as number) / (1 - 0.99 ** (i + 1))];
      p[k] = (p[k] as number) - 0.01 * (first / (Math.sqrt(second) + 1e-6) + 0.1 * (p[k] as number));
    }
  });
  for (const [i, expected] of [p, m, v].entries()) expectClose(results[i] as Float32Array, expected);
});

it('refuses other shapes and rates outside their domains, and changes nothing', async () => {
  const operations = new EagerOperations(createHostBackend());
  const make = () => operations.upload(Float32Array.of(1, 2), [2]);
  const state = { parameter: make(), gradient: make(), firstMoment: make(), secondMoment: make() };
  const step = (changes: Partial<AdamWOptions>) => () => adamw(operations, state, { ...rates, step: 1, ...changes });
  expect(step({ step: 0 })).toThrow(/counts steps from 1/);
  expect(step({ step: 1.5 })).toThrow(InvalidArgumentError);
  expect(step({ beta1: 1 })).toThrow(InvalidArgumentError);
  expect(step({ beta2: -0.1 })).toThrow(InvalidArgumentError);
  expect(step({ learningRate: Number.NaN })).toThrow(/learningRate/);
  const other = operations.zeros([3]);
  expect(() => adamw(operations, { ...state, gradient: other }, { ...rates, step: 1 })).toThrow(ShapeError);
  expect(await state.parameter.readFloat32()).toEqual(Float32Array.of(1, 2));
});
