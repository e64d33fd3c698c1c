import { InvalidArgumentError, type Tensor } from '@inattention/core';
import { createHostBackend } from '@inattention/core/testing';
import { createCpuBackend } from '@inattention/cpu';
import { createModel, type Model } from '@inattention/model';
import { afterAll, describe, expect, it } from 'vitest';
import { numbersOf, text, worst } from '../../test/gradient-numbers.ts';
import { seededTokens, smallConfig } from '../../test/small-model.ts';
import type { Batch } from '../data/batch-source.ts';
import { deriveModel } from '../switching/derive-model.ts';
import { evaluateBatch } from './evaluate.ts';
import { computeGradients, type GradientOptions } from './gradients.ts';

const backend = await createCpuBackend({ threads: 2 });
afterAll(() => backend.dispose());

const selfTypes = ['self', 'self', 'self'] as const;
const original = smallConfig({ numHiddenLayers: 3, attentionTypes: selfTypes, initialStateWindow: 1 });
const random = { seed: 3, deviation: 0.3 };
const batch: Batch = {
  texts: [text(seededTokens(1, 18)), text(seededTokens(2, 12), [1, 5, 9]), text(seededTokens(3, 23))],
};

async function lossOf(model: Model, options: GradientOptions): Promise<number> {
  return (await numbersOf(computeGradients(model, [batch], options))).loss;
}

describe('a student', () => {
  it('has no loss and no gradient where it computes what its teacher does', async () => {
    using teacher = createModel(original, backend, random);
    using student = createModel(original, backend, random);
    const got = await numbersOf(computeGradients(student, [batch], { distillation: { teacher, temperature: 2 } }));
    expect(Math.abs(got.loss)).toBeLessThan(1e-6);
    for (const numbers of got.gradients.values()) expect(Math.max(...numbers.map(Math.abs))).toBeLessThan(1e-5);
  });

  it.each([
    ['self layers', original],
    ['a switched layer', { ...original, attentionTypes: ['self', 'inattention', 'self'] as const }],
    ['rows of a table', smallConfig({ numHiddenLayers: 3, attentionTypes: Array(3).fill('inattention') })],
  ])('has the gradient that its loss falls by: %s', async (_, config) => {
    using teacher = createModel(original, backend, { seed: 9, deviation: 0.3 });
    using student = createModel(config, backend, { ...random, windowDeviation: 0.2 });
    const options: GradientOptions = {
      distillation: { teacher, temperature: 1.5, weight: 0.7 },
      context: config.attentionTypes.includes('self') ? 'dense' : 'tables',
    };
    const { loss, gradients } = await numbersOf(computeGradients(student, [batch], options));
    expect(loss).toBeGreaterThan(0.3);
    // Along a matrix's own gradient the slope is its squared norm.
    for (const part of ['key', 'gate'] as const) {
      const name = part === 'key' ? 'self_attn.k_proj' : 'mlp.gate_proj';
      const tensor = student.weights.layers[1]?.[part] as Tensor;
      const gradient = gradients.get(`model.layers.1.${name}.weight`) as Float32Array;
      const norm = Math.hypot(...gradient);
      const before = await tensor.readFloat32();
      const moved = async (by: number) => {
        tensor.write(before.map((value, i) => value + (by * (gradient[i] as number)) / norm));
        return lossOf(student, options);
      };
      const slope = ((await moved(0.02)) - (await moved(-0.02))) / 0.04;
      tensor.write(before);
      expect(Math.abs(slope / norm - 1)).toBeLessThan(0.02);
    }
  });

  it('learns from the text alone at weight 0, and from both in between', async () => {
    using teacher = createModel(original, backend, { seed: 9, deviation: 0.3 });
    using student = createModel(original, backend, random);
    const at = (weight: number) => computeGradients(student, [batch], { distillation: { teacher, weight } });
    const plain = await numbersOf(computeGradients(student, [batch]));
    const none = await numbersOf(at(0));
    expect(none.loss).toBeCloseTo(plain.loss, 5);
    expect(worst(none.gradients, plain.gradients)).toBeLessThan(1e-5);
    const [all, half] = [await numbersOf(at(1)), await numbersOf(at(0.5))];
    expect(half.loss).toBeCloseTo((all.loss + plain.loss) / 2, 5);
  });

  it('sees of a teacher the same positions, however the batch is computed and added up', async () => {
    const config = smallConfig({ numHiddenLayers: 3, attentionTypes: Array(3).fill('inattention') });
    using teacher = createModel(original, backend, { seed: 9, deviation: 0.3 });
    using student = createModel(config, backend, { ...random, windowDeviation: 0.2 });
    const at = async (batches: readonly Batch[], options: GradientOptions) =>
      numbersOf(computeGradients(student, batches, { ...options, distillation: { teacher } }));
    const dense = await at([batch], { context: 'dense' });
    const others = [
      await at([batch], { context: 'tables' }),
      await at([batch], { context: 'dense', checkpointedLayers: 2 }),
      await at(
        batch.texts.map((one) => ({ texts: [one] })),
        { context: 'dense' },
      ),
    ];
    for (const other of others) {
      expect(other.loss).toBeCloseTo(dense.loss, 5);
      expect(worst(other.gradients, dense.gradients)).toBeLessThan(2e-5);
    }
  });
});

describe('parameters that are not trained', () => {
  const switched = { ...original, attentionTypes: ['self', 'inattention', 'self'] as const };

  it('have no gradient, and change none of the others', async () => {
    using teacher = createModel(original, backend, { seed: 9, deviation: 0.3 });
    using student = createModel(switched, backend, random);
    for (const options of [{}, { distillation: { teacher } }]) {
      const all = await numbersOf(computeGradients(student, [batch], options));
      const some = await numbersOf(computeGradients(student, [batch], { ...options, trained: 'switched' }));
      expect(some.loss).toBe(all.loss);
      expect(some.gradients.size).toBe(9);
      for (const [name, numbers] of some.gradients) {
        expect(name).toMatch(/^model\.layers\.1\./);
        expect(numbers).toEqual(all.gradients.get(name));
      }
    }
    using self = createModel(original, backend, random);
    expect(() => computeGradients(self, [batch], { trained: 'switched' })).toThrow(/switch layers/);
  });

  it('take no activations below the first layer that is trained', async () => {
    const attentionTypes = [...Array<'self'>(5).fill('self'), 'inattention' as const];
    const host = createHostBackend(); // without the scratch of kernels
    using student = createModel({ ...original, numHiddenLayers: 6, attentionTypes }, host, random);
    const peak = (options: GradientOptions) => {
      host.ledger.resetPeak();
      const before = host.ledger.snapshot().live;
      const step = computeGradients(student, [batch], options);
      step.dispose();
      expect(host.ledger.snapshot().live).toEqual(before);
      return host.ledger.snapshot().peakLive;
    };
    const weights = host.ledger.snapshot().liveTotal;
    expect(peak({ trained: 'switched' }) - weights).toBeLessThan((peak({}) - weights) / 2);
  });
});

describe('deriveModel', () => {
  it('shares tensors, copies those it is told to, and computes the other layers', async () => {
    using teacher = createModel(original, backend, random);
    const before = backend.ledger.snapshot().live.weights;
    const config = { ...original, attentionTypes: ['self', 'inattention', 'self'] as const, initialStateWindow: 3 };
    const student = await deriveModel(teacher, config, { copied: (name) => name.startsWith('model.layers.1.') });
    const layer = 4 * (24 * 24 * 2 + 2 * 24 * 12 + 3 * 24 * 40 + 2 * 24);
    expect(backend.ledger.snapshot().live.weights - before).toBeGreaterThanOrEqual(layer + 4 * 2 * 24 * 24);
    expect(backend.ledger.snapshot().live.weights - before).toBeLessThan(layer + 4 * 2 * 24 * 24 + 2 ** 17);
    expect(student.weights.embedding.buffer).toBe(teacher.weights.embedding.buffer);
    expect(student.weights.layers[1]?.key.buffer).not.toBe(teacher.weights.layers[1]?.key.buffer);
    const { loss } = await evaluateBatch(student, batch);
    expect(loss).not.toBeCloseTo((await evaluateBatch(teacher, batch)).loss, 3);
    const { attentionTypes } = config;
    expect(loss).toBeCloseTo((await evaluateBatch(teacher, batch, { attentionTypes })).loss, 5); // the window is 0
    expect(await student.fingerprint()).not.toBe(await teacher.fingerprint());
    student.dispose();
    expect(backend.ledger.snapshot().live.weights).toBe(before);
    expect((await evaluateBatch(teacher, batch)).loss).toBeGreaterThan(0);
  });

  it('outlives the original, and refuses another model', async () => {
    const before = backend.ledger.snapshot().live;
    const teacher = createModel(original, backend, random);
    const { loss } = await evaluateBatch(teacher, batch);
    const student = await deriveModel(teacher, original);
    await expect(deriveModel(teacher, { ...original, hiddenSize: 48 })).rejects.toThrow(InvalidArgumentError);
    teacher.dispose();
    expect((await evaluateBatch(student, batch)).loss).toBe(loss);
    student.dispose();
    expect(backend.ledger.snapshot().live).toEqual(before);
  });
});

it('refuses teachers that do not fit, and settings outside their domain', async () => {
  using student = createModel(original, backend, random);
  using small = createModel({ ...original, vocabSize: 60 }, backend, random);
  using elsewhere = createModel(original, createHostBackend(), random);
  using learned = createModel(
    { ...original, positionEmbeddingType: 'learned', maxPositionEmbeddings: 8 },
    backend,
    random,
  );
  const step = (options: GradientOptions['distillation'] & {}) => () =>
    computeGradients(student, [batch], { distillation: options });
  const before = backend.ledger.snapshot().live;
  expect(step({ teacher: small })).toThrow(/another vocabulary.*60 ids.*61 ids/s);
  expect(step({ teacher: elsewhere })).toThrow(/another backend/);
  expect(step({ teacher: learned })).toThrow(/longer than the model's table/);
  for (const wrong of [{ temperature: 0 }, { temperature: Number.NaN }, { weight: 1.1 }, { weight: -0.1 }]) {
    expect(step({ teacher: student, ...wrong })).toThrow(InvalidArgumentError);
  }
  expect(() => computeGradients(student, [batch], { attentionTypes: ['self'] })).toThrow(
    /a kind of attention for each/,
  );
  expect(backend.ledger.snapshot().live).toEqual(before);
});
