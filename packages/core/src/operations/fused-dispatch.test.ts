/** Fused operations are used when a backend has them, with the arguments that the contract promises. */

import { beforeEach, expect, it } from 'vitest';
import type { Backend } from '../backend/backend.ts';
import type { FusedOperations } from '../backend/fused.ts';
import type { TensorView } from '../backend/tensor-view.ts';
import type { HostArray } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { adamw } from './adamw.ts';
import { denseContext, EagerOperations } from './eager-operations.ts';
import type { IndexTensor } from './index-tensor.ts';

const marker = 7;
let calls: { name: string; args: Record<string, unknown> }[];
let backend: Backend;
let operations: EagerOperations;
let ids: IndexTensor;

const results = ['out', 'max', 'sum', 'inverseRms', 'nll', 'logSumExp'];

/** A backend whose every fused operation notes its arguments and fills the results with `marker`. */
function recordingBackend(): Backend {
  const host = createHostBackend();
  const record = (name: string, written: readonly string[]) => (args: object) => {
    calls.push({ name, args: { ...args } });
    for (const [key, view] of Object.entries(args)) {
      if (written.includes(key) && view !== null) host.primitives.fill({ out: view as TensorView, value: marker });
    }
  };
  const gradients = ['gradInput', 'gradWeight', 'gradGate', 'gradUp', 'gradLogits', 'gradQueries', 'gradKeys'];
  const fused: FusedOperations = {
    rmsNorm: record('rmsNorm', results),
    rmsNormBackward: record('rmsNormBackward', gradients),
    rope: record('rope', results),
    swiglu: record('swiglu', results),
    swigluBackward: record('swigluBackward', gradients),
    attend: record('attend', results),
    attendBackward: record('attendBackward', gradients),
    attendWeights: record('attendWeights', ['out']),
    crossEntropy: record('crossEntropy', results),
    crossEntropyBackward: record('crossEntropyBackward', gradients),
    adamw: record('adamw', ['parameter']),
  };
  return { ...host, fused };
}

/** Arguments of the one call since the last look; tensors as their shapes. */
function theCall(): Record<string, unknown> {
  expect(calls).toHaveLength(1);
  const [{ name, args }] = calls.splice(0) as [(typeof calls)[0]];
  const shown = Object.entries(args).map(([key, value]) => [
    key,
    isView(value) ? `[${value.shape.join(', ')}]` : value,
  ]);
  return { name, ...Object.fromEntries(shown) };
}

function isView(value: unknown): value is TensorView {
  return typeof value === 'object' && value !== null && 'buffer' in value;
}

async function expectMarked(...tensors: (Tensor | null)[]): Promise<void> {
  for (const tensor of tensors) {
    const numbers: HostArray = await (tensor as Tensor).read();
    expect([...numbers].every((number) => number === marker)).toBe(true);
  }
}

beforeEach(() => {
  calls = [];
  backend = recordingBackend();
  operations = new EagerOperations(backend);
  ids = operations.index([1, 0]);
});

const zeros = (...shape: number[]) => operations.zeros(shape);

it('rmsNorm sees rows, and no weight as null', async () => {
  const plain = operations.rmsNorm(zeros(2, 3, 4), null, 0.5);
  expect(plain.shape).toEqual([2, 3, 4]);
  const common = { name: 'rmsNorm', input: '[6, 4]', epsilon: 0.5, out: '[6, 4]' };
  expect(theCall()).toEqual({ ...common, weight: null, inverseRms: null });
  const { out, inverseRms } = operations.rmsNormWithInverse(zeros(2, 3, 4), zeros(4), 0.5);
  expect(theCall()).toEqual({ ...common, weight: '[4]', inverseRms: '[6]' });
  await expectMarked(plain, out, inverseRms);

  const rows = { name: 'rmsNormBackward', input: '[2, 4]', inverseRms: '[2]', gradOut: '[2, 4]', gradInput: '[2, 4]' };
  const both = operations.rmsNormBackward(zeros(2, 4), zeros(4), zeros(2), zeros(2, 4));
  expect(theCall()).toEqual({ ...rows, weight: '[4]', gradWeight: '[4]' });
  const alone = operations.rmsNormBackward(zeros(2, 4), null, zeros(2), zeros(2, 4));
  expect(theCall()).toEqual({ ...rows, weight: null, gradWeight: null });
  expect(alone.weight).toBeNull();
  await expectMarked(both.input, both.weight, alone.input);
});

it('rope and swiglu', async () => {
  const angles = { fineLength: 2, fine: zeros(2, 2, 2), coarse: zeros(2, 2, 2) };
  const rotated = operations.rope(zeros(2, 3, 4), ids, angles, true);
  const views = { input: '[2, 3, 4]', positions: '[2]', out: '[2, 3, 4]' };
  expect(theCall()).toEqual({ name: 'rope', ...views, angles, inverse: true });
  const activated = operations.swiglu(zeros(2, 3), zeros(2, 3));
  expect(theCall()).toEqual({ name: 'swiglu', gate: '[2, 3]', up: '[2, 3]', out: '[2, 3]' });
  const { gate, up } = operations.swigluBackward(zeros(2, 3), zeros(2, 3), zeros(2, 3));
  expect(theCall().name).toBe('swigluBackward');
  await expectMarked(rotated, activated, gate, up);
});

it('attend: a new state is overwritten, a given one accumulated into', async () => {
  const context = denseContext(zeros(5, 1, 4), zeros(5, 1, 4), 0);
  const state = operations.attend(zeros(2, 2, 4), ids, context, { scale: 0.5, slopes: zeros(2), to: 3 });
  const views = { queries: '[2, 2, 4]', positions: '[2]', out: '[2, 2, 4]', max: '[2, 2]', sum: '[2, 2]' };
  const common = { name: 'attend', ...views, context, slopes: '[2]', scale: 0.5 };
  expect(theCall()).toEqual({ ...common, from: 0, to: 3, accumulate: false });
  const options = { scale: 0.5, slopes: zeros(2), from: 3, into: state };
  expect(operations.attend(zeros(2, 2, 4), ids, context, options)).toBe(state);
  expect(theCall()).toEqual({ ...common, from: 3, to: 5, accumulate: true });
  await expectMarked(state.out, state.max, state.sum);
});

it('attendWeights and attendBackward', async () => {
  const context = denseContext(zeros(5, 1, 4), zeros(5, 1, 4), 0);
  const one = operations.index([4]);
  const options = { scale: 0.5, slopes: null, from: 1, to: 4, logSumExp: zeros(1, 2) };
  const weights = operations.attendWeights(zeros(1, 2, 4), one, context, options);
  const views = { queries: '[1, 2, 4]', positions: '[1]', logSumExp: '[1, 2]', out: '[2, 3]' };
  expect(theCall()).toEqual({ name: 'attendWeights', ...views, context, from: 1, to: 4, slopes: null, scale: 0.5 });
  const inputs = {
    ...{ queries: zeros(2, 2, 4), keys: zeros(5, 1, 4), values: zeros(5, 1, 4), out: zeros(2, 2, 4) },
    ...{ gradOut: zeros(2, 2, 4), logSumExp: zeros(2, 2), positions: ids, firstPosition: 0 },
  };
  const gradients = operations.attendBackward(inputs, { scale: 0.5, slopes: null });
  expect(theCall()).toMatchObject({
    name: 'attendBackward',
    keys: '[5, 1, 4]',
    gradKeys: '[5, 1, 4]',
    firstPosition: 0,
  });
  await expectMarked(weights, gradients.queries, gradients.keys);
  // Added to: zeros beforehand.
  expect(await gradients.values.read()).toEqual(new Float32Array(20));
});

it('cross-entropy and AdamW', async () => {
  const { nll, logSumExp } = operations.crossEntropyWithLogSumExp(zeros(2, 5), ids);
  const rows = { logits: '[2, 5]', targets: '[2]', logSumExp: '[2]' };
  expect(theCall()).toEqual({ name: 'crossEntropy', ...rows, nll: '[2]' });
  const gradient = operations.crossEntropyBackward(zeros(2, 5), ids, zeros(2), zeros(2));
  expect(theCall()).toEqual({ name: 'crossEntropyBackward', ...rows, gradNll: '[2]', gradLogits: '[2, 5]' });
  const state = { parameter: zeros(3), gradient: zeros(3), firstMoment: zeros(3), secondMoment: zeros(3) };
  const rates = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, step: 3 };
  adamw(operations, state, rates);
  expect(theCall()).toMatchObject({ name: 'adamw', parameter: '[3]', ...rates });
  await expectMarked(nll, logSumExp, gradient, state.parameter);
});

it('never sees tensors without elements', () => {
  const none = operations.index([]);
  const context = denseContext(zeros(5, 1, 4), zeros(5, 1, 4), 0);
  operations.rmsNorm(zeros(0, 4), null, 1);
  operations.swiglu(zeros(0), zeros(0));
  operations.swigluBackward(zeros(0), zeros(0), zeros(0));
  operations.crossEntropyWithLogSumExp(zeros(0, 5), none);
  operations.attend(zeros(0, 2, 4), none, context, { scale: 1, slopes: null });
  operations.attend(zeros(2, 2, 4), ids, context, { scale: 1, slopes: null, to: 0 });
  operations.rmsNormBackward(zeros(0, 4), zeros(4), zeros(0), zeros(0, 4));
  const empty = zeros(0);
  const rates = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, step: 3 };
  adamw(operations, { parameter: empty, gradient: empty, firstMoment: empty, secondMoment: empty }, rates);
  expect(calls).toEqual([]);
});

it('nor do primitives, nor reductions over nothing', async () => {
  const host = createHostBackend();
  const refuse = () => {
    throw new RangeError('A primitive was called for nothing.');
  };
  const { fill } = host.primitives;
  const filled = new EagerOperations({
    ...host,
    primitives: { ...host.primitives, sum: refuse, matmul: refuse, add: refuse, gatherRows: refuse, fill },
  });
  const empty = filled.zeros([2, 0]);
  filled.addInto(empty, empty);
  filled.add(empty, empty);
  filled.embed(empty, filled.index([1]));
  expect(await filled.sum(empty, 1).read()).toEqual(new Float32Array(2));
  expect(await filled.matmul(empty, filled.zeros([0, 2])).read()).toEqual(new Float32Array(4));
});

it('uses none with `fused: false`, nor do operations separated from those', () => {
  const composed = new EagerOperations(backend, { fused: false });
  composed.swiglu(zeros(2), zeros(2));
  composed.separate().rmsNorm(zeros(2, 2), null, 1);
  expect(calls).toEqual([]);
  operations.separate().swiglu(zeros(2), zeros(2));
  expect(calls).toHaveLength(1);
});
