/**
 * Tells models apart in saved sessions: a hash of the configuration, the layout of the weights and the first bytes of a
 * few of them. Two models can share it by intent or by equal samples; it is no proof of identity. Weights on a device have
 * the fingerprint of the files that they would be written to.
 */

import type { ModelConfig } from '@inattention/core/math';
import { serializeConfig } from './config/parse-config.ts';
import { Fingerprint } from './fingerprint.ts';

/** Weights, wherever they are. */
export interface FingerprintedWeights {
  /** By name; dtypes as in the files: F32. */
  readonly tensors: ReadonlyMap<string, { readonly dtype: string; readonly shape: readonly number[] }>;
  /** The first `length` bytes of a tensor as it is stored, or all if it has fewer. */
  firstBytes(name: string, length: number): Promise<Uint8Array>;
}

/** Tensors that any training moves, and how much of each goes into the fingerprint. */
const sampledTensors = ['model.embed_tokens.weight', 'model.layers.0.self_attn.q_proj.weight', 'model.norm.weight'];
const sampleBytes = 4096;

/** 16 hexadecimal digits. */
export async function modelFingerprint(config: ModelConfig, weights: FingerprintedWeights): Promise<string> {
  const names = [...weights.tensors.keys()].sort();
  const layout = names.map((name) => [name, weights.tensors.get(name)?.dtype, weights.tensors.get(name)?.shape]);
  const samples = await Promise.all(sampledTensors.map((name) => weights.firstBytes(name, sampleBytes)));
  const fingerprint = new Fingerprint().addText(JSON.stringify([serializeConfig(config), layout]));
  for (const sample of samples) fingerprint.add(sample);
  return fingerprint.toString();
}
