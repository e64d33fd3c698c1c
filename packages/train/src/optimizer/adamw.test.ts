import { EagerOperations, InvalidArgumentError, Tensor } from '@inattention/core';
import { createHostBackend } from '@inattention/core/testing';
import { Random } from '@inattention/model';
import { describe, expect, it } from 'vitest';
import { AdamW, type AdamWSettings } from './adamw.ts';

const shapes = {
  'model.embed_tokens.weight': [3, 2],
  'model.layers.0.mlp.up_proj.weight': [2, 2],
  'model.norm.weight': [2],
} as const;
const names = Object.keys(shapes) as (keyof typeof shapes)[];
const size = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);

/** Three steps of the formula in float64, beside three steps on a device; the second is scaled by 0.25. */
async function threeSteps(settings: AdamWSettings) {
  const backend = createHostBackend();
  const operations = new EagerOperations(backend);
  const random = Random.seeded(3);
  const numbers = (count: number) => Float32Array.from({ length: count }, () => random.normal());
  const start = new Map(names.map((name) => [name, numbers(size(shapes[name]))]));
  const parameters = names.map((name) => ({
    name,
    tensor: Tensor.from(backend, start.get(name) as Float32Array, shapes[name], 'weights'),
  }));
  using optimizer = new AdamW(operations, parameters, settings);
  const { beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0.1, decayEmbeddings = true } = settings;
  const expected = new Map([...start].map(([name, values]) => [name, Array.from(values)]));
  const m = new Map([...start].map(([name, values]) => [name, Array.from(values, () => 0)]));
  const v = new Map([...start].map(([name, values]) => [name, Array.from(values, () => 0)]));
  for (const [index, rate] of [0.1, 0.05, 0.02].entries()) {
    const scale = index === 1 ? 0.25 : 1;
    const gradients = new Map(names.map((name) => [name, numbers(size(shapes[name]))]));
    const tensors = new Map([...gradients].map(([name, data]) => [name, operations.upload(data, shapes[name])]));
    optimizer.step(tensors, rate, scale);
    for (const [name, data] of gradients) {
      const decays = name === 'model.norm.weight' || (name === 'model.embed_tokens.weight' && !decayEmbeddings);
      const [p, first, second] = [expected.get(name), m.get(name), v.get(name)] as [number[], number[], number[]];
      data.forEach((value, i) => {
        const g = value * scale;
        first[i] = beta1 * (first[i] as number) + (1 - beta1) * g;
        second[i] = beta2 * (second[i] as number) + (1 - beta2) * g * g;
        const corrected = Math.sqrt((second[i] as number) / (1 - beta2 ** (index + 1))) + epsilon;
        const update = (first[i] as number) / (1 - beta1 ** (index + 1)) / corrected;
        p[i] = (p[i] as number) - rate * (update + (decays ? 0 : weightDecay) * (p[i] as number));
      });
    }
  }
  expect(optimizer.steps).toBe(3);
  expect(backend.ledger.live('optimizer')).toBe(2 * 4 * 12);
  for (const { name, tensor } of parameters) {
    const got = await tensor.readFloat32();
    for (const [i, value] of (expected.get(name as keyof typeof shapes) as number[]).entries()) {
      expect(got[i]).toBeCloseTo(value, 5);
    }
  }
}

describe('AdamW', () => {
  it('is the formula: matrices decay, vectors do not', () => threeSteps({}));

  it('lets embeddings be', () => threeSteps({ decayEmbeddings: false, weightDecay: 0.5 }));

  it('takes other rates', () => threeSteps({ beta1: 0.5, beta2: 0.999, epsilon: 1e-3, weightDecay: 0 }));

  it('gives its moments back', () => {
    const backend = createHostBackend();
    const tensor = Tensor.from(backend, new Float32Array(4), [4], 'weights');
    new AdamW(new EagerOperations(backend), [{ name: 'model.norm.weight', tensor }]).dispose();
    expect(backend.ledger.live('optimizer')).toBe(0);
  });

  it.each<AdamWSettings>([{ beta1: 1 }, { beta2: -0.1 }, { epsilon: 0 }, { weightDecay: Number.NaN }])(
    'refuses %o',
    (settings) => {
      expect(() => new AdamW(new EagerOperations(createHostBackend()), [], settings)).toThrow(InvalidArgumentError);
    },
  );
});
