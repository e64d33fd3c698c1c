/**
 * Differentiation on the backend, rule by rule: gradients taken by RecordingOperations against finite differences of the
 * same expression in float64.
 */

import { type Backend, EagerOperations, IndexTensor, type Operations, Tensor } from '@inattention/core';
import { RecordingOperations } from '@inattention/core/autograd';
import { createRopeAngles } from '@inattention/core/math';
import { randomNumbers } from '../../inputs/random-numbers.ts';
import { type NdArray, ndArray } from '../../reference/nd-array.ts';
import { numericalGradient } from '../../reference/numerical-gradient.ts';
import { expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { type GradientCase, gradientCases, inputsOf, type Places } from './gradient-cases.ts';
import { ReferenceOperations } from './reference-operations.ts';

export function gradientTests(group: Group): void {
  group.describe('gradients', () => {
    for (const gradientCase of gradientCases) {
      for (const fused of group.fused.size === 0 ? [false] : [true, false]) {
        const name = `${gradientCase.name}, ${fused ? 'fused' : 'composed'}`;
        group.test(name, (trial) => checkGradients(trial, gradientCase, fused));
      }
    }
    group.test('constants and parameters that the loss does not depend on have none', (trial) => absent(trial));
  });
}

/** The mean of the expression's elements, each weighed by a random number. */
function lossOf<V>(
  operations: Operations<V>,
  gradientCase: GradientCase,
  inputs: readonly V[],
  places: Places,
  weigh: (shape: readonly number[]) => V,
): V {
  const value = gradientCase.expression(operations, inputs, places);
  return operations.mean(operations.multiply(value, weigh(operations.shapeOf(value))));
}

function weightsOf(shape: readonly number[]): NdArray {
  return ndArray(shape, randomNumbers(102).normals(shape.reduce((size, n) => size * n, 1)));
}

async function checkGradients({ backend, expectClose }: Trial, gradientCase: GradientCase, fused: boolean) {
  const inputs = inputsOf(gradientCase);
  await withPlaces(backend, async (places, own) => {
    const reference = new ReferenceOperations();
    const referenceLoss = (values: readonly NdArray[]) =>
      lossOf(reference, gradientCase, values, places, weightsOf).data[0] as number;
    const recording = own(new RecordingOperations(new EagerOperations(backend, { fused })));
    const upload = ({ shape, data }: NdArray) => own(Tensor.from(backend, Float32Array.from(data), shape, 'weights'));
    const parameters = inputs.map((input) => recording.parameter(upload(input)));
    const weigh = (shape: readonly number[]) => recording.constant(upload(weightsOf(shape)));
    const loss = lossOf(recording, gradientCase, parameters, places, weigh);
    expectClose(await loss.value.readFloat32(), [referenceLoss(inputs)], { operation: 'loss', what: 'the value' });
    const gradients = own(recording.backward(loss));
    for (const [place, parameter] of parameters.entries()) {
      const expected = numericalGradient(
        (changed) => referenceLoss(inputs.map((input, i) => (i === place ? changed : input))),
        inputs[place],
      );
      const got = await gradients.get(parameter)?.readFloat32();
      expectThat(got !== undefined, `Input ${place} has no gradient.`);
      const tolerance = { atol: 1e-8 + 2e-5 * largest(expected.data), rtol: 0 }; // 1e-8: finite differences of 0
      expectClose(got, expected.data, { operation: 'gradient', tolerance, what: `input ${place}` });
    }
  });
}

async function absent({ backend }: Trial): Promise<void> {
  await withPlaces(backend, async (_, own) => {
    const recording = own(new RecordingOperations(new EagerOperations(backend)));
    const [a, b, c] = [0, 1, 2].map(() => own(Tensor.from(backend, Float32Array.of(1, 2), [2], 'weights')));
    const [parameter, unused, constant] = [recording.parameter(a), recording.parameter(b), recording.constant(c)];
    const gradients = own(recording.backward(recording.mean(recording.multiply(parameter, constant))));
    expectThat(gradients.get(parameter) !== undefined, 'The parameter has no gradient.');
    expectThat(gradients.get(unused) === undefined, 'A parameter that is not used has a gradient.');
    expectThat(gradients.get(constant) === undefined, 'A constant has a gradient.');
  });
}

type Own = <T extends { dispose(): void }>(value: T) => T;

/** Runs `body` with integers and angles on the backend; disposes of them and of what it owns, last first. */
async function withPlaces(backend: Backend, body: (places: Places, own: Own) => Promise<void>): Promise<void> {
  const owned: { dispose(): void }[] = [];
  const own: Own = (value) => {
    owned.push(value);
    return value;
  };
  const known = new Map<string, IndexTensor>();
  const index = (values: readonly number[]): IndexTensor => {
    const key = values.join();
    const tensor = known.get(key) ?? own(new IndexTensor(backend, values));
    known.set(key, tensor);
    return tensor;
  };
  try {
    await body({ index, angles: own(createRopeAngles(backend, 4, 10_000)) }, own);
  } finally {
    for (const value of owned.reverse()) value.dispose();
  }
}

function largest(numbers: Float64Array): number {
  return numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
}
