import { createCpuBackend } from '@inattention/cpu';
import { parseConfig } from '@inattention/formats';
import { createModel, forwardLogits } from '@inattention/model';
import { tokensInMemory } from '@inattention/train';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseTargets, estimate, estimateDifference, lossesAt } from './context-loss.ts';

const vocabSize = 40;
const documents = [90, 20, 31, 200].map((length, document) =>
  Int32Array.from({ length }, (_, place) => (place * (document + 3) + (place >> 2)) % vocabSize),
);
const data = tokensInMemory(documents, { vocabSize });
const starts = [0, 90, 110, 141];

describe('targets', () => {
  test('have a whole context of their own document, are drawn without replacement, and are fixed by the seed', async () => {
    const targets = await chooseTargets(data, 30, 60, 1);
    expect(targets).toHaveLength(60);
    expect(new Set(targets.map(({ place }) => place)).size).toBe(60);
    for (const { documentStart, place } of targets) {
      const document = starts.indexOf(documentStart);
      expect(document).toBeGreaterThanOrEqual(0);
      expect(place - documentStart).toBeGreaterThanOrEqual(30);
      expect(place).toBeLessThan(documentStart + (documents[document]?.length ?? 0));
    }
    expect(await chooseTargets(data, 30, 60, 1)).toEqual(targets);
    expect(await chooseTargets(data, 30, 60, 2)).not.toEqual(targets);
  });

  test('are all there are when there are fewer, in every document that is long enough', async () => {
    const targets = await chooseTargets(data, 30, 1000, 1);
    expect(targets).toHaveLength(60 + 0 + 1 + 170);
    expect(new Set(targets.map(({ documentStart }) => documentStart))).toEqual(new Set([0, 110, 141]));
    expect(await chooseTargets(data, 500, 10, 1)).toEqual([]);
  });
});

describe('losses', () => {
  let backend: Awaited<ReturnType<typeof createCpuBackend>>;
  beforeAll(async () => {
    backend = await createCpuBackend({ threads: 1 });
  });
  afterAll(() => backend.dispose());

  test.each(['inattention', 'self'] as const)('are those of the last n tokens alone (%s)', async (attention) => {
    const config = parseConfig({
      ...{ model_type: 'inattention', vocab_size: vocabSize, hidden_size: 16, intermediate_size: 24 },
      ...{ num_hidden_layers: 2, num_attention_heads: 2, initial_state_window: 3, attention_types: attention },
    });
    using model = createModel(config, backend, { seed: 2, deviation: 0.4, windowDeviation: 0.2 });
    const targets = await chooseTargets(data, 30, 8, 3);
    const [short, long] = await Promise.all([lossesAt(model, data, targets, 7), lossesAt(model, data, targets, 30)]);
    expect(short).not.toEqual(long);
    for (const [order, { place }] of targets.entries()) {
      for (const [tokens, losses] of [
        [7, short],
        [30, long],
      ] as const) {
        const ids = await data.readTokens(place - tokens, place + 1);
        const owned: { dispose(): void }[] = [];
        const operations = model.operations.separate();
        using logits = operations.scope(() =>
          forwardLogits(operations, backend, config, model.weights, ids.subarray(0, tokens), {
            angles: model.contextModel.angles,
            slopes: null,
            positions: Int32Array.of(tokens - 1),
            track: (one) => owned.push(one),
          }),
        );
        const values = await logits.readFloat32();
        for (const one of owned) one.dispose();
        const total = Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));
        expect(Math.abs((losses[order] as number) - (total - (values[ids[tokens] as number] as number)))).toBeLessThan(
          1e-4,
        );
      }
    }
  });
});

test('estimates are means with the standard error of the mean', () => {
  expect(estimate([1, 2, 3, 4])).toEqual({ mean: 2.5, standardError: Math.sqrt(5 / 3 / 4) });
  expect(estimateDifference([1, 2, 3], [2, 2, 5])).toEqual({ mean: 1, standardError: Math.sqrt(2 / 2 / 3) });
});
