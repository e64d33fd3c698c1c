/** adamw: first and later steps, with and without decay, of every length. */

import { adamw } from '@inattention/core';
import { randomNumbers } from '../../inputs/random-numbers.ts';
import { type AdamWOptions, adamwStep } from '../../reference/adamw.ts';
import { ndArray } from '../../reference/nd-array.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset } from '../device-arrays.ts';
import { evaluate, variantsOf } from '../evaluate.ts';
import { sweptLengths } from '../lengths.ts';

const shared = { learningRate: 0.02, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, step: 7 };

const settings: readonly AdamWOptions[] = [
  shared,
  { ...shared, step: 1 },
  { ...shared, step: 2000, weightDecay: 0 },
  { ...shared, epsilon: 0.5, beta1: 0, beta2: 0.999 },
];

export function adamwTests(group: Group): void {
  group.describe('adamw', () => {
    for (const { name, fused } of variantsOf(group.fused.has('adamw'))) {
      group.test(`every length, ${name}`, (trial) => lengths(trial, fused));
      group.test(`settings, ${name}`, (trial) => eachSetting(trial, fused));
    }
    if (group.fused.has('adamw')) group.test('at any offset, the gradient untouched', (trial) => direct(trial));
  });
}

/** A state after some steps; a parameter whose gradient has been 0 all along is among them. */
function inputs(length: number) {
  const random = randomNumbers(91);
  const array = (deviation: number) => ndArray([length], random.normals(length, deviation));
  const state = { parameter: array(1), firstMoment: array(0.3), secondMoment: array(0.4) };
  state.secondMoment.data.forEach((value, i) => {
    state.secondMoment.data[i] = Math.fround(value * value);
  });
  const gradient = array(0.5);
  for (const zero of [gradient, state.firstMoment, state.secondMoment]) if (length > 1) zero.data[1] = 0;
  return { state, gradient };
}

async function checkStep({ backend, expectClose }: Trial, fused: boolean, length: number, options: AdamWOptions) {
  const { state, gradient } = inputs(length);
  const expected = adamwStep(state, gradient, options);
  const got = await evaluate(backend, fused, ({ operations, floats }) => {
    const parameter = floats(state.parameter);
    const firstMoment = floats(state.firstMoment);
    const secondMoment = floats(state.secondMoment);
    adamw(operations, { parameter, gradient: floats(gradient), firstMoment, secondMoment }, options);
    return { parameter, firstMoment, secondMoment };
  });
  for (const name of ['parameter', 'firstMoment', 'secondMoment'] as const) {
    expectClose(got[name], expected[name].data, { operation: 'adamw', what: `${name} of ${length}` });
  }
}

async function lengths(trial: Trial, fused: boolean): Promise<void> {
  for (const length of sweptLengths) await checkStep(trial, fused, length, shared);
}

async function eachSetting(trial: Trial, fused: boolean): Promise<void> {
  for (const options of settings) await checkStep(trial, fused, 100, options);
}

async function direct({ backend, expectClose }: Trial): Promise<void> {
  const { state, gradient } = inputs(67);
  const expected = adamwStep(state, gradient, shared);
  await atEachOffset(backend, async (arrays) => {
    const views = {
      parameter: arrays.floats([67], state.parameter.data),
      gradient: arrays.floats([67], gradient.data),
      firstMoment: arrays.floats([67], state.firstMoment.data),
      secondMoment: arrays.floats([67], state.secondMoment.data),
    };
    backend.fused.adamw?.({ ...views, ...shared });
    for (const [name, { data }] of Object.entries({ ...expected, gradient })) {
      const got = await arrays.read(views[name as keyof typeof views]);
      expectClose(got, data, { operation: 'adamw', what: `${name} at an offset` });
    }
  });
}
