/** Every hand-derived backward against central differences of its forward. */

import { describe, expect, it } from 'vitest';
import { compareArrays, formatComparison } from '../comparison/compare-arrays.ts';
import { randomNumbers } from '../inputs/random-numbers.ts';
import { type AttentionInputs, attentionForward, attentionWeights } from './attention.ts';
import { attentionBackward } from './attention-backward.ts';
import { attentionBlockBackward, attentionBlockForward } from './attention-block.ts';
import { crossEntropyBackward, crossEntropyForward } from './cross-entropy.ts';
import { type LayerWeights, layerBackward, layerForward } from './decoder-layer.ts';
import { gainBackward, gainForward } from './gain.ts';
import { embedBackward, embedForward, initialStateBackward, initialStateForward } from './initial-state.ts';
import { linearBackward, linearForward } from './linear.ts';
import { mlpBackward, mlpForward } from './mlp.ts';
import { type NdArray, ndArray } from './nd-array.ts';
import { numericalGradient } from './numerical-gradient.ts';
import { rmsNormBackward, rmsNormForward } from './rms-norm.ts';
import { ropeBackward, ropeForward } from './rope.ts';
import { swigluBackward, swigluForward } from './swiglu.ts';

const random = randomNumbers(7);
const normals = (...shape: number[]) => ndArray(shape, random.normals(shape.reduce((a, b) => a * b, 1)));

/** Σ out ⊙ gradOut: a scalar whose gradient is the backward of gradOut. */
const dot = (out: NdArray, gradOut: NdArray) =>
  out.data.reduce((total, value, i) => total + value * gradOut.data[i], 0);

/** Compares a gradient with differences of Σ f(x) ⊙ gradOut. */
function expectGradient(gradient: NdArray | null, f: (x: NdArray) => NdArray, x: NdArray, gradOut: NdArray): void {
  const numerical = numericalGradient((changed) => dot(f(changed), gradOut), x);
  expect(Math.max(...numerical.data.map(Math.abs))).toBeGreaterThan(1e-3); // differences that can tell
  const comparison = compareArrays(gradient?.data ?? [], numerical.data, { relativeToMax: 1e-7 });
  expect(comparison.ok, formatComparison(comparison)).toBe(true);
}

describe('backward = central differences', () => {
  it('linear', () => {
    const [x, weight, gradOut] = [normals(3, 4), normals(5, 4), normals(3, 5)];
    const { gradInput, gradWeight } = linearBackward(x, weight, gradOut);
    expectGradient(gradInput, (changed) => linearForward(changed, weight), x, gradOut);
    expectGradient(gradWeight, (changed) => linearForward(x, changed), weight, gradOut);
  });

  it('rmsNorm, with and without a gain', () => {
    const [x, weight, gradOut] = [normals(3, 6), normals(6), normals(3, 6)];
    const gained = rmsNormBackward(x, weight, 1e-2, gradOut);
    expectGradient(gained.gradInput, (changed) => rmsNormForward(changed, weight, 1e-2).out, x, gradOut);
    expectGradient(gained.gradWeight, (changed) => rmsNormForward(x, changed, 1e-2).out, weight, gradOut);
    const plain = rmsNormBackward(x, null, 1e-2, gradOut);
    expectGradient(plain.gradInput, (changed) => rmsNormForward(changed, null, 1e-2).out, x, gradOut);
    expect(plain.gradWeight).toBeNull();
  });

  it('gain', () => {
    const [x, gain, gradOut] = [normals(3, 6), normals(6), normals(3, 6)];
    const { gradInput, gradGain } = gainBackward(x, gain, gradOut);
    expectGradient(gradInput, (changed) => gainForward(changed, gain), x, gradOut);
    expectGradient(gradGain, (changed) => gainForward(x, changed), gain, gradOut);
  });

  it('rope', () => {
    const [x, gradOut] = [normals(3, 2, 6), normals(3, 2, 6)];
    const positions = [0, 5, 31000];
    const gradient = ropeBackward(gradOut, positions, 10000);
    expectGradient(gradient, (changed) => ropeForward(changed, positions, 10000), x, gradOut);
  });

  it('swiglu', () => {
    const [gate, up, gradOut] = [normals(3, 4), normals(3, 4), normals(3, 4)];
    const { gradGate, gradUp } = swigluBackward(gate, up, gradOut);
    expectGradient(gradGate, (changed) => swigluForward(changed, up), gate, gradOut);
    expectGradient(gradUp, (changed) => swigluForward(gate, changed), up, gradOut);
  });

  it('mlp', () => {
    const [y, gradOut] = [normals(3, 4), normals(3, 4)];
    const weights = { gate: normals(5, 4), up: normals(5, 4), down: normals(4, 5) };
    const { gradInput, gradWeights } = mlpBackward(y, weights, gradOut);
    expectGradient(gradInput, (changed) => mlpForward(changed, weights), y, gradOut);
    for (const part of ['gate', 'up', 'down'] as const) {
      const run = (changed: NdArray) => mlpForward(y, { ...weights, [part]: changed });
      expectGradient(gradWeights[part], run, weights[part], gradOut);
    }
  });

  it('crossEntropy', () => {
    const [logits, gradNll] = [normals(3, 7), normals(3)];
    const targets = [6, 0, 3];
    const gradient = crossEntropyBackward(logits, targets, gradNll);
    expectGradient(gradient, (changed) => crossEntropyForward(changed, targets).nll, logits, gradNll);
  });

  it('embedding, with repeated ids and learned positions', () => {
    const [embedding, positions, gradOut] = [normals(5, 3), normals(6, 3), normals(4, 3)];
    const tokens = [2, 0, 2, 4];
    const { gradEmbedding, gradPositions } = embedBackward(tokens, embedding, positions, gradOut);
    expectGradient(gradEmbedding, (changed) => embedForward(tokens, changed, positions), embedding, gradOut);
    expectGradient(gradPositions, (changed) => embedForward(tokens, embedding, changed), positions, gradOut);
  });

  it.each([2, 5])('initial states of %i positions in a window of 4', (count) => {
    const [embedded, mixing, gradOut] = [normals(count, 3), normals(3, 3, 3), normals(count, 3)];
    const { gradEmbedded, gradMixing } = initialStateBackward(embedded, mixing, gradOut);
    expectGradient(gradEmbedded, (changed) => initialStateForward(changed, mixing), embedded, gradOut);
    expectGradient(gradMixing, (changed) => initialStateForward(embedded, changed), mixing, gradOut);
  });

  it('attention: grouped heads, slopes, queries anywhere, one that sees nothing', () => {
    const inputs: AttentionInputs = {
      queries: normals(4, 4, 6),
      positions: [9, 2, 14, 11],
      keys: normals(6, 2, 6),
      values: normals(6, 2, 6),
      firstPosition: 8,
      slopes: [0.5, 0.25, 0.1, 0],
      scale: 1.2,
    };
    expect(Math.max(...attentionWeights(inputs, 2).data)).toBeGreaterThan(0.5); // peaked
    const gradOut = normals(4, 4, 6);
    const { gradQueries, gradKeys, gradValues } = attentionBackward(inputs, gradOut);
    const run = (changed: Partial<AttentionInputs>) => attentionForward({ ...inputs, ...changed }).out;
    expectGradient(gradQueries, (queries) => run({ queries }), inputs.queries, gradOut);
    expectGradient(gradKeys, (keys) => run({ keys }), inputs.keys, gradOut);
    expectGradient(gradValues, (values) => run({ values }), inputs.values, gradOut);
  });

  it('attention block, rotated', () => {
    const [queryInput, contextInput, gradOut] = [normals(3, 5), normals(7, 5), normals(3, 5)];
    const weights = { query: normals(8, 5), key: normals(4, 5), value: normals(4, 5), output: normals(5, 8) };
    const options = { headDim: 4, positions: [6, 0, 3], rope: 100, slopes: null, rmsNormEps: 1e-3 };
    const back = attentionBlockBackward(queryInput, contextInput, weights, options, gradOut);
    const run = (x: NdArray, c: NdArray, w: typeof weights) => attentionBlockForward(x, c, w, options);
    expectGradient(back.gradQueryInput, (changed) => run(changed, contextInput, weights), queryInput, gradOut);
    expectGradient(back.gradContextInput, (changed) => run(queryInput, changed, weights), contextInput, gradOut);
    for (const part of ['query', 'key', 'value', 'output'] as const) {
      const changedRun = (changed: NdArray) => run(queryInput, contextInput, { ...weights, [part]: changed });
      expectGradient(back.gradWeights[part], changedRun, weights[part], gradOut);
    }
  });

  it.each([
    ['inattention', false],
    ['self', false],
    ['inattention', true],
    ['self', true],
  ] as const)('layer of kind %s, biases, norms and scaled rotation %s', (kind, more) => {
    const added = {
      queryBias: normals(8),
      keyBias: normals(4),
      valueBias: normals(4),
      outputBias: normals(5),
      queryNorm: normals(4),
      keyNorm: normals(4),
      gateBias: normals(6),
      upBias: normals(6),
      downBias: normals(5),
    };
    const weights: LayerWeights = {
      norm: normals(5),
      query: normals(8, 5),
      key: normals(4, 5),
      value: normals(4, 5),
      output: normals(5, 8),
      mlpNorm: normals(5),
      gate: normals(6, 5),
      up: normals(6, 5),
      down: normals(5, 6),
      ...(more && added),
    };
    const positions = kind === 'self' ? [0, 1, 2, 3] : [1, 3];
    const states = kind === 'self' ? null : normals(4, 5);
    const [hidden, gradOut] = [normals(positions.length, 5), normals(positions.length, 5)];
    const rope = more ? { frequencies: [0.7, 0.02], amplitude: 1.2 } : 100;
    const options = { headDim: 4, positions, rope, slopes: null, rmsNormEps: 1e-3 };
    const back = layerBackward(hidden, states, weights, options, gradOut);
    expectGradient(back.gradHidden, (changed) => layerForward(changed, states, weights, options), hidden, gradOut);
    if (states !== null) {
      expectGradient(back.gradStates, (changed) => layerForward(hidden, changed, weights, options), states, gradOut);
    }
    for (const [part, weight] of Object.entries(weights) as [keyof LayerWeights, NdArray][]) {
      const run = (changed: NdArray) => layerForward(hidden, states, { ...weights, [part]: changed }, options);
      expectGradient(back.gradWeights[part] ?? null, run, weight, gradOut);
    }
  });
});
