/** Models whose matrices are kept in f32, f16 and i8: what loading chooses, what it takes, what it refuses. */

import {
  type Backend,
  type BlockDType,
  decodeFloat16,
  decodeWeightBlocks,
  dequantizeBlocks,
  encodeFloat16,
  encodeWeightBlocks,
  quantizeBlocks,
  type Tensor,
} from '@inattention/core';
import { storedDType, type WeightDType, weightBytes, weightDTypes } from '@inattention/core/math';
import { createHostBackend } from '@inattention/core/testing';
import { type WeightDType as StoredDType, serializeConfig, writeSafetensors } from '@inattention/formats';
import { describe, expect, test } from 'vitest';
import { config, folder, modelFiles } from '../test/small-model.ts';
import { createModel, randomWeights } from './create-model.ts';
import { loadModel } from './load-model.ts';
import type { Model } from './model.ts';
import { placementOf } from './weight-placement.ts';

const seeds = { seed: 3, deviation: 0.3, windowDeviation: 0.2 };

/** The small model's files with matrices, and with vectors, in a dtype of choice. */
function filesOf(
  matrices: StoredDType,
  vectors: StoredDType = matrices,
  spoil: (data: Float32Array) => void = () => {},
) {
  const tensors = [...randomWeights(config, seeds)].map((tensor) => ({
    ...tensor,
    dtype: tensor.shape.length > 1 ? matrices : vectors,
  }));
  spoil(tensors[0]?.data as Float32Array);
  return folder(
    new Map([
      ['config.json', new TextEncoder().encode(JSON.stringify(serializeConfig(config)))],
      ['model.safetensors', writeSafetensors(tensors)],
    ]),
  );
}

async function logitsOf(model: Model): Promise<Float32Array> {
  using session = model.createSession({ context: 'tables' });
  await session.append([1, 2, 3, 200, 2]);
  return await session.nextLogits();
}

/** The numbers that blocks hold of `data`. */
function inBlocks(dtype: BlockDType, data: Float32Array): Float32Array {
  const numbers = new Float32Array(data.length);
  decodeWeightBlocks(dtype, encodeWeightBlocks(dtype, data, 'w'), numbers);
  return numbers;
}

/** The numbers of q4_1 blocks. */
function decoded(bytes: Uint8Array): Float32Array {
  const numbers = new Float32Array((bytes.length / 20) * 32);
  decodeWeightBlocks('q4_1', bytes, numbers);
  return numbers;
}

/** A host backend that takes only some dtypes. */
function limited(...dtypes: WeightDType[]): Backend {
  const backend = createHostBackend();
  return { ...backend, capabilities: { ...backend.capabilities, weightDTypes: dtypes } };
}

describe('by default', () => {
  test.each([
    ['F32', 'F32', 'f32'],
    ['F16', 'F16', 'f16'],
    ['F16', 'F32', 'f16'],
    ['BF16', 'BF16', 'f32'],
    ['F32', 'F16', 'f32'],
  ] as const)(
    'matrices of %s with vectors of %s are kept in %s, and no number changes',
    async (own, vectors, expected) => {
      const backend = createHostBackend();
      using model = await loadModel(filesOf(own, vectors), backend);
      expect(model.weightDType).toBe(expected);
      expect(backend.ledger.live('weights')).toBe(weightBytes(config, expected));
      using exact = await loadModel(filesOf(own, vectors), backend, { weightDType: 'f32' });
      expect(await logitsOf(model)).toEqual(await logitsOf(exact));
    },
  );

  test('f16 files become f32 on a backend without f16', async () => {
    using model = await loadModel(filesOf('F16'), limited('f32'));
    expect(model.weightDType).toBe('f32');
  });

  test('vectors alone decide nothing', () => {
    const tensors = new Map([['model.norm.weight', { dtype: 'F16', shape: [4] }]]);
    expect(placementOf(config, tensors, 'auto').weightDType).toBe('f32');
  });
});

describe('on demand', () => {
  test.each(weightDTypes)('%s: bytes as planned, numbers as that dtype holds them', async (weightDType) => {
    const backend = createHostBackend();
    const progress: number[] = [];
    const options = {
      weightDType,
      onProgress: ({ done, total }: { done: number; total: number }) => progress.push(done / total),
    };
    const model = await loadModel(folder(modelFiles()), backend, options);
    expect(progress.at(-1)).toBe(1);
    expect(model.weightDType).toBe(weightDType);
    const [row] = model.plan({ tokens: 10 }).rows;
    expect(row?.weightBytes).toBe(weightBytes(config, weightDType));
    expect(backend.ledger.live('weights')).toBe(row?.weightBytes);
    const { query } = model.weights.layers[1] ?? {};
    const source = [...randomWeights(config, seeds)].find(({ name }) => name.endsWith('1.self_attn.q_proj.weight'));
    const { data, shape } = source as { data: Float32Array; shape: readonly number[] };
    const held = {
      f32: data,
      f16: decodeFloat16(encodeFloat16(data)),
      i8: dequantizeBlocks(quantizeBlocks(data, shape)),
      q4_1: inBlocks('q4_1', data),
      q8_0: inBlocks('q8_0', data),
    };
    const kept = storedDType(shape, weightDType); // rows of q8_0 are multiples of 64
    expect(kept).toBe(weightDType === 'q8_0' ? 'f32' : weightDType);
    expect(query?.dtype).toBe(kept);
    const numbers = async (tensor: Tensor) =>
      kept === 'q4_1' ? decoded(await tensor.readEncoded()) : tensor.readFloat32();
    expect(await numbers(query as Tensor)).toEqual(held[kept]);
    expect(model.weights.norm.dtype).toBe('f32');
    using created = createModel(config, backend, { ...seeds, weightDType });
    expect(await logitsOf(created)).toEqual(await logitsOf(model));
    model.dispose();
    created.dispose();
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
  });

  test('bytes of the dtypes are as stated: 32, 16, 9, 8.5 and 5 bits a number', () => {
    const wide = { ...config, hiddenSize: 4096, positionEmbeddingType: 'none' as const };
    const bits = { f32: 32, f16: 16, i8: 9, q8_0: 8.5, q4_1: 5 };
    for (const dtype of weightDTypes) {
      expect(
        weightBytes({ ...wide, intermediateSize: 4096 }, dtype) / weightBytes({ ...wide, intermediateSize: 4096 }),
      ).toBeCloseTo(bits[dtype] / 32, 2);
    }
  });

  test('matrices whose rows are no whole words stay f32', async () => {
    const odd = { ...config, hiddenSize: 30, numAttentionHeads: 3, numKeyValueHeads: 1, headDim: 10 };
    const backend = createHostBackend();
    using model = createModel(odd, backend, { ...seeds, weightDType: 'i8' });
    expect(model.weights.embedding.dtype).toBe('f32'); // 30 a row
    expect(model.weights.layers[0]?.down.dtype).toBe('i8'); // 48 a row
    expect(backend.ledger.live('weights')).toBe(weightBytes(odd, 'i8'));
    expect(await logitsOf(model)).toHaveLength(256);
  });

  test.each(['f16', 'i8', 'q8_0', 'q4_1'] as const)(
    '%s is refused before memory is taken where a backend lacks it',
    async (weightDType) => {
      const backend = limited('f32');
      const refusal = { code: 'UNSUPPORTED', got: weightDType, expected: 'f32' };
      await expect(loadModel(folder(modelFiles()), backend, { weightDType })).rejects.toMatchObject(refusal);
      expect(() => createModel(config, backend, { weightDType })).toThrow(/does not take/);
      expect(backend.ledger.snapshot().peakLive).toBe(0);
    },
  );

  test.each([
    ['a number beyond f16', 'F32', 'f16', 1e5],
    ['NaN, in f16', 'F32', 'f16', Number.NaN],
    ['NaN, in i8', 'F32', 'i8', Number.NaN],
    ['NaN, in q4_1', 'F32', 'q4_1', Number.NaN],
    ['a number beyond its scales, in q4_1', 'F32', 'q4_1', -1e5],
    ['infinity in an f16 file', 'F16', 'f16', Number.POSITIVE_INFINITY],
    ['NaN in an f16 file, in i8', 'F16', 'i8', Number.NaN],
  ] as const)('%s is refused by name, and nothing stays', async (_, stored, weightDType, value) => {
    const backend = createHostBackend();
    const source = filesOf(stored, 'F32', (data) => data.fill(value, 5, 6));
    const refusal = { code: 'NON_FINITE', what: expect.stringContaining('model.embed_tokens.weight') };
    await expect(loadModel(source, backend, { weightDType })).rejects.toMatchObject(refusal);
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
  });
});

test('sessions cross dtypes: a context is its ids', async () => {
  const backend = createHostBackend();
  using precise = await loadModel(folder(modelFiles()), backend);
  using small = await loadModel(folder(modelFiles()), backend, { weightDType: 'i8' });
  using session = precise.createSession();
  await session.append([1, 2, 3]);
  using restored = await small.restoreSession(await session.save());
  expect(restored.tokens).toEqual(session.tokens);
});
