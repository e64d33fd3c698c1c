import { listGoldenCases, loadGoldenCase } from '@inattention/conformance/golden';
import { InvalidArgumentError, ShapeError, TokenOutOfRangeError } from '@inattention/core';
import { createHostBackend } from '@inattention/core/testing';
import { createCpuBackend } from '@inattention/cpu';
import { createModel } from '@inattention/model';
import { afterAll, describe, expect, it } from 'vitest';
import { goldenModel } from '../../test/golden-model.ts';
import { numbersOf, text, worst } from '../../test/gradient-numbers.ts';
import { seededTokens, smallConfig } from '../../test/small-model.ts';
import type { Batch } from '../data/batch-source.ts';
import { evaluateBatch } from './evaluate.ts';
import { computeGradients } from './gradients.ts';

const backend = await createCpuBackend({ threads: 2 });
afterAll(() => backend.dispose());

describe('golden cases', () => {
  it.each(listGoldenCases())('%s: losses and gradients', async (name) => {
    const golden = await loadGoldenCase(name);
    using model = goldenModel(backend, golden);
    const numbers = (map: typeof golden.gradients) => new Map([...map].map(([key, { data }]) => [key, data]));
    const chosen = await numbersOf(computeGradients(model, [{ texts: [text(golden.tokens, golden.lossPositions)] }]));
    expect(chosen.loss).toBeCloseTo(golden.lossAtPositions, 4);
    expect(worst(chosen.gradients, numbers(golden.gradientsAtPositions))).toBeLessThan(1e-3);
    if (golden.loss === undefined) return;
    const all = await numbersOf(computeGradients(model, [{ texts: [text(golden.tokens)] }]));
    expect(all.loss).toBeCloseTo(golden.loss, 4);
    expect(worst(all.gradients, numbers(golden.gradients))).toBeLessThan(1e-3);
    expect((await evaluateBatch(model, { texts: [text(golden.tokens)] })).loss).toBeCloseTo(golden.loss, 4);
  });
});

describe('texts of a batch', () => {
  it.each([
    ['rope', smallConfig()],
    ['alibi', smallConfig({ positionEmbeddingType: 'alibi' })],
    ['learned', smallConfig({ positionEmbeddingType: 'learned' })],
    ['a hybrid', smallConfig({ attentionTypes: ['inattention', 'self', 'inattention'], numHiddenLayers: 3 })],
    ['an untied head', smallConfig({ tieWordEmbeddings: false })],
  ])('count by their positions, and do not see each other: %s', async (_, config) => {
    using model = createModel(config, backend, { seed: 3, deviation: 0.3, windowDeviation: 0.2 });
    const texts = [text(seededTokens(1, 18)), text(seededTokens(2, 7), [1, 5]), text(seededTokens(3, 33))];
    const together = await numbersOf(computeGradients(model, [{ texts }]));
    const accumulated = await numbersOf(
      computeGradients(model, [{ texts: texts.slice(0, 1) }, { texts: texts.slice(1) }]),
    );
    const terms = [17, 2, 32];
    const sums = new Map<string, Float64Array>();
    let loss = 0;
    for (const [number, one] of texts.entries()) {
      const alone = await numbersOf(computeGradients(model, [{ texts: [one] }]));
      const share = (terms[number] as number) / 51;
      loss += share * alone.loss;
      for (const [name, numbers] of alone.gradients) {
        const sum = sums.get(name) ?? new Float64Array(numbers.length);
        sums.set(
          name,
          sum.map((value, i) => value + share * (numbers[i] as number)),
        );
      }
    }
    for (const got of [together, accumulated]) {
      expect(got.loss).toBeCloseTo(loss, 5);
      expect(worst(got.gradients, sums)).toBeLessThan(2e-5);
    }
  });

  it('of separate documents are those of texts cut at their starts', async () => {
    const config = smallConfig({ positionEmbeddingType: 'learned' });
    using model = createModel(config, backend, { seed: 4, deviation: 0.3, windowDeviation: 0.2 });
    const tokens = seededTokens(5, 30);
    const packed: Batch = { texts: [text(tokens, undefined, [0, 9, 20])] };
    const cut: Batch = { texts: [text(tokens.slice(0, 9)), text(tokens.slice(9, 20)), text(tokens.slice(20))] };
    const separate = await numbersOf(computeGradients(model, [packed]));
    const alone = await numbersOf(computeGradients(model, [cut]));
    expect(separate.loss).toBeCloseTo(alone.loss, 5);
    expect(worst(separate.gradients, alone.gradients)).toBeLessThan(2e-5);
    const joined = await numbersOf(computeGradients(model, [packed], { documents: 'joined' }));
    const plain = await numbersOf(computeGradients(model, [{ texts: [text(tokens)] }]));
    expect(joined).toEqual(plain);
    expect(joined.loss).not.toBeCloseTo(separate.loss, 4);
  });

  it('are computed without fused operations alike', async () => {
    const host = createHostBackend();
    using fused = createModel(smallConfig(), backend, { seed: 3, deviation: 0.3, windowDeviation: 0.2 });
    using plain = createModel(smallConfig(), host, { seed: 3, deviation: 0.3, windowDeviation: 0.2 });
    const batch: Batch = { texts: [text(seededTokens(1, 12)), text(seededTokens(2, 5))] };
    const got = await numbersOf(computeGradients(fused, [batch]));
    const expected = await numbersOf(computeGradients(plain, [batch]));
    expect(worst(got.gradients, expected.gradients)).toBeLessThan(2e-5);
  });
});

it('leaves nothing on the device but what it hands out', () => {
  using model = createModel(smallConfig(), backend, { seed: 3 });
  const before = backend.ledger.snapshot().live;
  const step = computeGradients(model, [{ texts: [text(seededTokens(1, 12)), text(seededTokens(2, 5), [2])] }]);
  const { gradients, ...others } = backend.ledger.snapshot().live;
  expect(gradients - before.gradients).toBe(model.parameters * 4 + 4);
  expect({ ...others, gradients: before.gradients }).toEqual(before);
  step.dispose();
  expect(backend.ledger.snapshot().live).toEqual(before);
});

it('refuses what a model cannot be trained on, and leaves nothing', () => {
  using model = createModel(smallConfig({ positionEmbeddingType: 'learned' }), backend, { seed: 3 });
  const before = backend.ledger.snapshot().live;
  const gradients =
    (...texts: Batch['texts']) =>
    () =>
      computeGradients(model, [{ texts }]);
  expect(gradients()).toThrow(InvalidArgumentError);
  expect(() => computeGradients(model, [])).toThrow(/needs a batch/);
  expect(gradients(text([1]))).toThrow(ShapeError);
  expect(gradients(text(seededTokens(1, 80)))).toThrow(ShapeError);
  expect(gradients(text([1, 2, 4000]))).toThrow(TokenOutOfRangeError);
  expect(gradients(text([1, 2, 3], [2]))).toThrow(InvalidArgumentError);
  expect(gradients(text([1, 2, 3], [1, 0]))).toThrow(InvalidArgumentError);
  expect(gradients(text([1, 2, 3], [0], [1]))).toThrow(InvalidArgumentError); // a document start, foreseen by nobody
  expect(gradients(text([1, 2, 3], undefined, [3]))).toThrow(InvalidArgumentError);
  expect(backend.ledger.snapshot().live).toEqual(before);
});
