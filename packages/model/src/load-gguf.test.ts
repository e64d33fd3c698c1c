/** GGUF files on a device: kept in what holds their numbers, and the same model as the folder they were made from. */

import type { Backend, Tensor } from '@inattention/core';
import { weightBytes as weightBytesOf } from '@inattention/core/math';
import { createHostBackend } from '@inattention/core/testing';
import { createCpuBackend } from '@inattention/cpu';
import {
  bytesSource,
  filesInMemory,
  ggufContent,
  openModelFiles,
  openWeights,
  parseConfig,
  serializeConfig,
  writeSafetensors,
} from '@inattention/formats';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomWeights } from './create-model.ts';
import { loadModel } from './load-model.ts';
import { placementOf, type WantedWeightDType } from './weight-placement.ts';

const config = parseConfig({
  model_type: 'inattention',
  vocab_size: 96,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  tie_word_embeddings: true,
  attention_types: 'self',
});
const weights = writeSafetensors(randomWeights(config, { seed: 4, deviation: 0.3 }));
const folder = filesInMemory(
  new Map([
    ['config.json', new TextEncoder().encode(JSON.stringify(serializeConfig(config)))],
    ['model.safetensors', weights],
  ]),
);
const ids = Int32Array.from({ length: 20 }, (_, i) => (i * 37) % 96);

let backend: Awaited<ReturnType<typeof createCpuBackend>>;
beforeAll(async () => {
  backend = await createCpuBackend();
});
afterAll(() => backend.dispose());

async function gguf(type: 'F32' | 'F16' | 'Q8_0' | 'Q4_1') {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of ggufContent(config, await openWeights(folder), { type, tokenizerJson: null })) {
    pieces.push(new Uint8Array(piece));
  }
  return bytesSource(await new Blob(pieces).arrayBuffer(), 'model.gguf');
}

async function logitsOf(source: Parameters<typeof loadModel>[0], weightDType: WantedWeightDType, on = backend) {
  using model = await loadModel(source, on, { weightDType });
  using session = model.createSession();
  await session.append(ids);
  return { logits: await session.nextLogits(), kept: model.weightDType };
}

it('gives the logits of the folder that an F32 file was made from', async () => {
  const { logits, kept } = await logitsOf(await gguf('F32'), 'auto');
  expect(kept).toBe('f32');
  expect(logits).toEqual((await logitsOf(folder, 'auto')).logits);
});

it.each([
  ['Q8_0', 'i8'],
  ['F16', 'f16'],
] as const)('keeps a file of %s as %s, which is the same model as its numbers in f32', async (type, dtype) => {
  const source = await gguf(type);
  const [compact, expanded] = [await logitsOf(source, 'auto'), await logitsOf(source, 'f32')];
  expect(compact.kept).toBe(dtype);
  const largest = Math.max(...expanded.logits.map(Math.abs));
  const worst = Math.max(...compact.logits.map((logit, i) => Math.abs(logit - (expanded.logits[i] as number))));
  expect(worst).toBeLessThan(1e-5 * largest);
  expect(expanded.logits).not.toEqual((await logitsOf(folder, 'auto')).logits);
});

it('keeps the blocks of a Q4_1 file bit for bit, and those of Q8_0 beside them', async () => {
  const source = await gguf('Q4_1');
  const files = await openModelFiles(source);
  using model = await loadModel(source, backend);
  expect(model.weightDType).toBe('q4_1');
  const { embedding, layers } = model.weights;
  const kept: [string, Tensor, string][] = [
    ['model.embed_tokens.weight', embedding, 'q8_0'],
    ['model.layers.1.self_attn.q_proj.weight', layers[1]?.query as Tensor, 'q4_1'],
    ['model.layers.0.mlp.down_proj.weight', layers[0]?.down as Tensor, 'q4_1'],
  ];
  for (const [name, tensor, dtype] of kept) {
    expect(tensor.dtype).toBe(dtype);
    const bytes = await files.weights.readBytes(name);
    expect(new Uint8Array(await backend.read(tensor.buffer, 0, bytes.length))).toEqual(bytes);
  }
});

it('says what a Q4_1 file takes to the byte, before and after it is loaded', async () => {
  const source = await gguf('Q4_1');
  const { weights: files } = await openModelFiles(source);
  const before = backend.ledger.live('weights');
  using model = await loadModel(source, backend);
  const { weightBytes } = placementOf(config, files.tensors, 'auto');
  expect(backend.ledger.live('weights') - before).toBe(weightBytes);
  expect(model.plan({ tokens: 9 }).rows.map((row) => row.weightBytes)).toEqual(Array(4).fill(weightBytes));
  expect(model.plan({ tokens: 9, weightDType: 'f32' }).rows[0]?.weightBytes).toBe(weightBytesOf(config, 'f32'));
});

it('computes a Q4_1 file within the rounding of activations to 16 bits of its numbers in f32', async () => {
  const source = await gguf('Q4_1');
  const [blocks, expanded] = [await logitsOf(source, 'auto'), await logitsOf(source, 'f32')];
  const largest = Math.max(...expanded.logits.map(Math.abs));
  const worst = Math.max(...blocks.logits.map((logit, i) => Math.abs(logit - (expanded.logits[i] as number))));
  expect(worst).toBeLessThan(1e-3 * largest);
  expect(worst).toBeGreaterThan(1e-7 * largest); // they are rounded
});

it.each([
  [['f32', 'f16', 'i8'], 'i8', 'i8'],
  [['f32', 'f16'], 'f32', 'f32'],
] as const)('puts a Q4_1 file into what a backend of %j has: %s', async (weightDTypes, dtype, embedding) => {
  const other: Backend = createHostBackend();
  const limited = { ...other, capabilities: { ...other.capabilities, weightDTypes } };
  using model = await loadModel(await gguf('Q4_1'), limited);
  expect(model.weightDType).toBe(dtype);
  expect(model.weights.embedding.dtype).toBe(embedding);
  expect(model.plan({ tokens: 9 }).rows[0]?.weightBytes).toBe(limited.ledger.live('weights'));
});

it('refuses scales that are no numbers, by name', async () => {
  const source = await gguf('Q8_0');
  const bytes = await source.read(0, source.size);
  bytes.set([0x00, 0x7c], bytes.length - 256 - 34); // an infinite scale in the last block of ffn_down, before output_norm
  const broken = bytesSource(bytes, 'broken.gguf');
  await expect(loadModel(broken, backend)).rejects.toThrow(/holds a value that is not a number/);
});
