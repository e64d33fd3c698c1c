/**
 * Scratch, live and reserved bytes are bounded and exact through 10,000 random appends, edits, forks, saves and cancels:
 * after every one the ledger holds, by purpose, what a mirror of the sessions says. A failure is shrunk.
 */

import type { ModelConfig } from '@inattention/core/math';
import { tableBytes } from '@inattention/core/math';
import { createCpuBackend } from '@inattention/cpu';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { longestLearned, SessionPopulation, type Step, stepKinds } from '../test/session-population.ts';
import { createModel } from './create-model.ts';

const steps = 10_000;

/** A random session's logits are compared this often. */
const stepsPerComparison = 40;

/** What must have happened a few times for the test to mean something. */
const rareEnds = [
  'append: BUDGET_EXCEEDED',
  'replace: BUDGET_EXCEEDED',
  'cancel midway: ABORTED',
  'prefill interrupted',
  'disposed midway',
  'restore: done',
  'logits compared',
];

const base: ModelConfig = {
  modelType: 'inattention',
  vocabSize: 1200,
  hiddenSize: 8,
  intermediateSize: 12,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  numKeyValueHeads: 1,
  headDim: 4,
  maxPositionEmbeddings: longestLearned,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  tieWordEmbeddings: true,
  initialStateWindow: 1,
  positionEmbeddingType: 'rope',
  attentionTypes: ['inattention', 'inattention'],
  eosTokenIds: [],
};

const configs: fc.Arbitrary<ModelConfig> = fc
  .record({
    positionEmbeddingType: fc.constantFrom('rope', 'alibi', 'learned', 'none'),
    initialStateWindow: fc.constantFrom(1, 3),
    attentionTypes: fc.constantFrom(['inattention', 'inattention'] as const, ['inattention', 'self'] as const),
  })
  .map((changes) => ({ ...base, ...changes }));

/** Mostly edits and decoding, in sizes small and beyond a page. */
const size = fc.oneof({ weight: 3, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(400) });
const common = ['append', 'replace', 'insert', 'remove', 'decode', 'fork'] as const;
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...stepKinds, ...common, ...common, ...common),
  which: fc.nat(10_000),
  at: fc.nat(1000),
  removed: size,
  added: size,
  choice: fc.nat(839),
});

test(`every byte is accounted for through ${steps} steps`, { timeout: 240_000 }, async () => {
  const ends = new Map<string, number>();
  let taken = 0;
  const sequence = fc.noBias(fc.array(step, { maxLength: 450, size: 'max' }));
  const property = fc.asyncProperty(configs, fc.boolean(), sequence, async (config, tight, sequence) => {
    const backend = await createCpuBackend({ threads: 1 });
    // A page of ids and one of positions, in f32: fewer than the vocabulary and the longest texts want.
    const budget = tight ? tableBytes(config, 256, 256, 'f32') : Number.POSITIVE_INFINITY;
    const weights = { seed: 5, deviation: 0.6, windowDeviation: 0.3 };
    const model = createModel(config, backend, { ...weights, ...(tight && { tableBudget: budget }) });
    const population = new SessionPopulation(backend, model, budget);
    for (const [number, next] of sequence.entries()) {
      await population.take(next);
      population.check();
      taken += 1;
      if (taken % stepsPerComparison !== 0 && number < sequence.length - 1) continue;
      await population.checkLogits(next.choice);
      population.check();
    }
    population.disposeAll();
    backend.dispose();
    for (const [end, count] of population.ends) ends.set(end, (ends.get(end) ?? 0) + count);
  });
  await fc.assert(property, { seed: 20_261, numRuns: 44 });
  expect(taken).toBeGreaterThanOrEqual(steps);
  for (const end of rareEnds) expect(ends.get(end) ?? 0, end).toBeGreaterThan(5);
});
