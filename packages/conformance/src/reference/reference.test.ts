/**
 * The reference against every golden case: logits, losses and each parameter's gradient, over all positions and over the
 * chosen ones. INATTENTION_GOLDEN_CASES names another folder of cases to judge it by.
 */

import { InvalidArgumentError, ShapeError, TokenOutOfRangeError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { expectedTensors } from '@inattention/formats';
import { describe, expect, it } from 'vitest';
import { compareArrays, formatComparison, type Tolerance } from '../comparison/compare-arrays.ts';
import { type GoldenTensor, numbersOf } from '../golden/golden-case.ts';
import { goldenDirectory, listGoldenCases, loadGoldenCase } from '../golden/golden-folders.ts';
import { randomNumbers } from '../inputs/random-numbers.ts';
import { needsAllRows } from './decoder.ts';
import { parameterShapes } from './parameters.ts';
import { referenceForward, referenceLogitsAt, referenceLossAndGradients } from './reference.ts';

/** Golden tensors are rounded to f32, golden losses are not; the rest is the order of float64 sums. */
const roundedFloat64: Tolerance = { relativeToMax: 1e-7 };
const unroundedFloat64: Tolerance = { atol: 1e-11, rtol: 1e-12 };

const directory = process.env.INATTENTION_GOLDEN_CASES ?? goldenDirectory;

function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: Tolerance, what: string): void {
  const comparison = compareArrays(got, expected, tolerance);
  expect(comparison.ok, `${what}: ${formatComparison(comparison)}`).toBe(true);
}

function expectGradients(
  got: ReadonlyMap<string, Float64Array>,
  expected: ReadonlyMap<string, GoldenTensor>,
  config: ModelConfig,
  tolerance: Tolerance,
): void {
  expect([...got.keys()]).toEqual([...parameterShapes(config).keys()]);
  expect([...expected.keys()].sort()).toEqual([...got.keys()].sort());
  for (const [name, { data }] of expected) expectClose(got.get(name) ?? [], data, tolerance, name);
}

/** The rows of `width` numbers at `positions`. */
function pick(data: ArrayLike<number>, width: number, positions: readonly number[]): number[] {
  return positions.flatMap((position) => Array.from({ length: width }, (_, i) => data[position * width + i]));
}

describe.each(listGoldenCases(directory))('golden case %s', async (name) => {
  const golden = await loadGoldenCase(name, directory);
  const { config, tokens, lossPositions } = golden;
  const weights = numbersOf(golden.weights);
  const inputs = tokens.slice(0, -1);
  const { accuracy } = golden;
  const rounded = accuracy === undefined ? roundedFloat64 : { relativeToMax: accuracy };
  const unrounded = accuracy === undefined ? unroundedFloat64 : { relativeToMax: accuracy };

  it('knows the parameters that the files hold', () => {
    expect(parameterShapes(config)).toEqual(expectedTensors(config));
    for (const [parameter, shape] of parameterShapes(config)) {
      expect(golden.weights.get(parameter)?.shape, parameter).toEqual(shape);
    }
  });

  it('has its logits, loss and gradients at chosen positions', { timeout: 60_000 }, () => {
    const got = referenceLossAndGradients(config, weights, tokens, lossPositions);
    expectClose([got.loss], [golden.lossAtPositions], unrounded, 'loss');
    expectClose(got.nll, golden.nllAtPositions ?? pick(golden.nll ?? [], 1, lossPositions), unrounded, 'nll');
    expectGradients(got.gradients, golden.gradientsAtPositions, config, rounded);
    const logits = referenceLogitsAt(config, weights, inputs, lossPositions);
    expect(logits.shape).toEqual([lossPositions.length, config.vocabSize]);
    const expected = golden.logitsAtPositions?.data ?? pick(golden.logits?.data ?? [], config.vocabSize, lossPositions);
    expectClose(logits.data, expected, rounded, 'logits');
  });

  if (golden.loss === undefined) return; // a long case: chosen positions are all it has

  it('has its logits, loss and gradients at all positions', () => {
    const forward = referenceForward(config, weights, inputs);
    expect(forward.logits.shape).toEqual(golden.logits?.shape);
    expectClose(forward.logits.data, golden.logits?.data ?? [], rounded, 'logits');
    const got = referenceLossAndGradients(config, weights, tokens);
    expectClose([got.loss], [golden.loss ?? Number.NaN], unrounded, 'loss');
    expectClose(got.nll, golden.nll ?? [], unrounded, 'nll');
    expectGradients(got.gradients, golden.gradients, config, rounded);
  });
});

describe('the reference', async () => {
  const { config, weights: tensors, tokens } = await loadGoldenCase('window');
  const weights = numbersOf(tensors);

  it('counts a position given twice twice', () => {
    const [once, other, both] = [[9], [3], [9, 9, 3]].map((at) =>
      referenceLossAndGradients(config, weights, tokens, at),
    );
    expect(both.loss).toBeCloseTo((2 * once.loss + other.loss) / 3, 12);
    for (const [name, gradient] of both.gradients) {
      const blend = once.gradients.get(name)?.map((g, i) => (2 * g + (other.gradients.get(name)?.[i] ?? 0)) / 3);
      expectClose(gradient, blend ?? [], { relativeToMax: 1e-12 }, name);
    }
  });

  it('gives hybrids the same at chosen positions as at all', async () => {
    const hybrid = await loadGoldenCase('hybrid');
    const all = referenceForward(hybrid.config, numbersOf(hybrid.weights), tokens.slice(0, 20)).logits;
    const some = referenceLogitsAt(hybrid.config, numbersOf(hybrid.weights), tokens.slice(0, 20), [19, 4]);
    const V = hybrid.config.vocabSize;
    expect([...some.data]).toEqual([...all.data.subarray(19 * V), ...all.data.subarray(4 * V, 5 * V)]);
  });

  it('takes a self layer 0 for what it is: inattention, which needs no other rows', () => {
    const selfFirst: ModelConfig = { ...config, attentionTypes: ['self', 'inattention', 'inattention'] };
    expect(needsAllRows(selfFirst)).toBe(false);
    expect(needsAllRows({ ...config, attentionTypes: ['inattention', 'inattention', 'self'] })).toBe(true);
    const at = (model: ModelConfig) => [...referenceLogitsAt(model, weights, tokens, [30, 2]).data];
    expect(at(selfFirst)).toEqual(at(config));
  });

  it('does not look ahead', () => {
    const changed = [...tokens.slice(0, 20), ...tokens.slice(20, -1).map((id) => (id + 1) % config.vocabSize)];
    const before = referenceForward(config, weights, tokens.slice(0, -1)).logits.data.subarray(
      0,
      20 * config.vocabSize,
    );
    const after = referenceForward(config, weights, changed).logits.data.subarray(0, 20 * config.vocabSize);
    expect([...after]).toEqual([...before]);
  });

  it('would notice one wrong number in a parameter', () => {
    const random = randomNumbers(11);
    const { loss } = referenceLossAndGradients(config, weights, tokens);
    for (const [name, data] of weights) {
      const wrong = new Map(weights).set(
        name,
        data.map((value) => value + 0.05 * random.normals(1)[0]),
      );
      expect(Math.abs(referenceLossAndGradients(config, wrong, tokens).loss - loss), name).toBeGreaterThan(1e-6);
    }
  });

  it('refuses bad weights, ids and positions', () => {
    const run = (given: typeof weights, ids: readonly number[], at?: readonly number[]) => () =>
      referenceLossAndGradients(config, given, ids, at);
    const lacking = new Map(weights);
    lacking.delete('model.norm.weight');
    expect(run(lacking, tokens)).toThrow(InvalidArgumentError);
    expect(run(new Map(weights).set('lm_head.weight', new Float32Array(1)), tokens)).toThrow(InvalidArgumentError);
    expect(run(new Map(weights).set('model.norm.weight', new Float32Array(1)), tokens)).toThrow(ShapeError);
    expect(run(weights, [1, config.vocabSize, 1])).toThrow(TokenOutOfRangeError);
    expect(run(weights, [1, 2, -1])).toThrow(TokenOutOfRangeError);
    expect(run(weights, [1, 0.5, 1])).toThrow(TokenOutOfRangeError);
    for (const at of [[], [-1], [40], [1.5]]) expect(run(weights, tokens, at)).toThrow(InvalidArgumentError);
    expect(run(weights, [1])).toThrow(InvalidArgumentError);
  });

  it('refuses more tokens than learned positions', async () => {
    const learned = await loadGoldenCase('learned');
    const ids = Array<number>(learned.config.maxPositionEmbeddings + 1).fill(1);
    expect(() => referenceForward(learned.config, numbersOf(learned.weights), ids)).toThrow(InvalidArgumentError);
  });
});
