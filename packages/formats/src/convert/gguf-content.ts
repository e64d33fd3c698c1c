/** A model as a GGUF file, made a tensor at a time, for llama.cpp and what is built on it. */

import { throwIfAborted } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { expectedTensors } from '../config/expected-tensors.ts';
import { encodeTensor, type WrittenType } from '../gguf/encode-blocks.ts';
import { interleavedFromHalves } from '../gguf/head-rows.ts';
import { frequencyFactorsOf, ggufArchitecture, modelMetadata } from '../gguf/model-metadata.ts';
import { nameToGguf, permutedHeads } from '../gguf/tensor-names.ts';
import { tokenizerMetadata } from '../gguf/tokenizer-metadata.ts';
import { type GgufTensorLayout, layOutGguf } from '../gguf/writer.ts';
import type { WeightFiles } from '../safetensors/weight-files.ts';
import type { ContentOptions } from './safetensors-content.ts';

export interface GgufOptions extends ContentOptions {
  /**
   * What matrices are written in; those whose rows are not whole blocks of 32 become F16. With Q4_1, embedding and head are
   * Q8_0. Vectors are F32.
   */
  readonly type: 'F32' | 'F16' | 'Q8_0' | 'Q4_1';
  /** For people. */
  readonly name?: string;
  /** A parsed tokenizer.json; null: none. */
  readonly tokenizerJson: unknown;
  /** A parsed tokenizer_config.json. */
  readonly tokenizerConfig?: unknown;
}

/**
 * The bytes of a file. Throws UnsupportedError for a model or tokenizer that llama.cpp cannot run, NonFiniteError for
 * numbers that `type` cannot hold, what `weights` throw, AbortedError.
 */
export async function* ggufContent(
  config: ModelConfig,
  weights: WeightFiles,
  { type, name, tokenizerJson, tokenizerConfig, signal, onProgress }: GgufOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const metadata = new Map([
    ...modelMetadata(config, { fileType: type, tokenizerConfig, ...(name !== undefined && { name }) }),
    ...tokenizerMetadata(tokenizerJson, tokenizerConfig, config),
  ]);
  const ours = new Map<string, string>();
  const layouts: GgufTensorLayout[] = [];
  const factors = frequencyFactorsOf(config);
  if (factors !== null) layouts.push({ name: 'rope_freqs.weight', dtype: 'F32', shape: [factors.length] });
  for (const [own, shape] of expectedTensors(config)) {
    const ggufName = nameToGguf(own) ?? own;
    ours.set(ggufName, own);
    layouts.push({ name: ggufName, shape, dtype: writtenType(type, own, shape) });
  }
  const layout = layOutGguf(metadata, layouts);
  yield layout.header;
  let done = layout.header.length;
  const interleaves = ggufArchitecture(config) === 'llama';
  for (const { name: ggufName, dtype, shape, byteLength } of layout.tensors) {
    throwIfAborted(signal, 'Converting');
    const own = ours.get(ggufName);
    const numbers =
      own === undefined ? (factors as Float32Array) : await weights.read(own, signal === undefined ? {} : { signal });
    const encoded = encodeTensor(dtype as WrittenType, numbers, own ?? ggufName);
    const moves = interleaves && own !== undefined && permutedHeads(own) !== undefined;
    yield moves ? interleavedFromHalves(encoded, config.headDim, byteLength / (shape[0] as number)) : encoded;
    const padding = layout.paddingAfter(byteLength);
    if (padding.length > 0) yield padding;
    done += byteLength + padding.length;
    onProgress?.({ done, total: layout.totalBytes });
  }
}

function writtenType(type: GgufOptions['type'], name: string, shape: readonly number[]): WrittenType {
  if (shape.length < 2) return 'F32';
  if (type === 'F32' || type === 'F16') return type;
  if ((shape.at(-1) as number) % 32 !== 0) return 'F16';
  return type === 'Q4_1' && /(embed_tokens|lm_head)\.weight$/.test(name) ? 'Q8_0' : type;
}
