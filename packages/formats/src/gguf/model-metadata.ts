/**
 * The metadata of a GGUF file for a model of this project, as llama.cpp's converter would write it: only for models that
 * llama.cpp can run, so `self` in every layer. Others are refused by name.
 */

import { UnsupportedError } from '@inattention/core';
import { type ModelConfig, ropeFrequencies } from '@inattention/core/math';
import { isRecord } from '../json/describe.ts';
import type { WrittenValue } from './writer.ts';

/** llama.cpp's numbers for what most of a file's tensors are (`general.file_type`). */
const fileTypes = { F32: 0, F16: 1, Q4_1: 3, Q8_0: 7, BF16: 32 } as const;

export interface ModelMetadataOptions {
  readonly fileType: keyof typeof fileTypes;
  /** For people. */
  readonly name?: string;
  /** A parsed tokenizer_config.json, for the chat template and add_bos_token. */
  readonly tokenizerConfig?: unknown;
}

/** llama.cpp's architecture for a configuration. Throws UnsupportedError for one that llama.cpp cannot run. */
export function ggufArchitecture(config: ModelConfig): 'llama' | 'qwen2' | 'qwen3' {
  const other = config.attentionTypes.findIndex((type) => type !== 'self');
  const notRun = (what: string, got: string, expected: string) =>
    new UnsupportedError({
      what: `This model cannot be written as GGUF: ${what}.`,
      got,
      expected,
      fix: 'write it in the format of this project',
    });
  if (other !== -1)
    throw notRun('no other runtime computes InAttention', `layer ${other} is "inattention"`, 'all "self"');
  if (config.positionEmbeddingType !== 'rope') {
    throw notRun('its positions are not rotary', config.positionEmbeddingType, 'rope');
  }
  if (config.initialStateWindow > 1) {
    throw notRun('it has an initial-state window', `w = ${config.initialStateWindow}`, 'w = 1');
  }
  if (config.mlpBias) throw notRun('its MLP has biases', 'mlp_bias', 'none');
  const { attentionBias: bias, queryKeyNorm } = config;
  if (queryKeyNorm && bias !== undefined) throw notRun('it has biases and q/k norms at once', bias, 'one of both');
  if (queryKeyNorm) return 'qwen3';
  return bias === 'qkv' ? 'qwen2' : 'llama';
}

/** The metadata but the tokenizer's. Throws UnsupportedError as `ggufArchitecture` does. */
export function modelMetadata(config: ModelConfig, options: ModelMetadataOptions): Map<string, WrittenValue> {
  const architecture = ggufArchitecture(config);
  const key = (name: string) => `${architecture}.${name}`;
  const uint32 = (value: number): WrittenValue => ({ kind: 'uint32', value });
  const float32 = (value: number): WrittenValue => ({ kind: 'float32', value });
  const text = (value: string): WrittenValue => ({ kind: 'string', value });
  const metadata = new Map<string, WrittenValue>([
    ['general.architecture', text(architecture)],
    ['general.type', text('model')],
    ['general.name', text(options.name ?? 'model')],
    ['general.file_type', uint32(fileTypes[options.fileType])],
    ['general.quantization_version', uint32(2)],
    [key('vocab_size'), uint32(config.vocabSize)],
    [key('context_length'), uint32(config.maxPositionEmbeddings)],
    [key('embedding_length'), uint32(config.hiddenSize)],
    [key('block_count'), uint32(config.numHiddenLayers)],
    [key('feed_forward_length'), uint32(config.intermediateSize)],
    [key('rope.dimension_count'), uint32(config.headDim)],
    [key('rope.freq_base'), float32(config.ropeTheta)],
    [key('attention.head_count'), uint32(config.numAttentionHeads)],
    [key('attention.head_count_kv'), uint32(config.numKeyValueHeads)],
    [key('attention.key_length'), uint32(config.headDim)],
    [key('attention.value_length'), uint32(config.headDim)],
    [key('attention.layer_norm_rms_epsilon'), float32(config.rmsNormEps)],
  ]);
  const scaling = config.ropeScaling;
  if (scaling?.kind === 'linear' || scaling?.kind === 'yarn') {
    metadata.set(key('rope.scaling.type'), text(scaling.kind));
    metadata.set(key('rope.scaling.factor'), float32(scaling.factor));
  }
  if (scaling?.kind === 'yarn') {
    const usual = 0.1 * Math.log(scaling.factor) + 1;
    const isUsual =
      Math.abs(scaling.attentionFactor - usual) < 1e-6 &&
      scaling.betaFast === 32 &&
      scaling.betaSlow === 1 &&
      scaling.truncate;
    if (!isUsual) {
      throw new UnsupportedError({
        what: 'This model cannot be written as GGUF: its YaRN has settings of its own.',
        expected: 'the usual attention factor, beta_fast 32, beta_slow 1',
      });
    }
    metadata.set(key('rope.scaling.original_context_length'), uint32(scaling.originalLength));
  }
  if (isRecord(options.tokenizerConfig) && typeof options.tokenizerConfig.chat_template === 'string') {
    metadata.set('tokenizer.chat_template', text(options.tokenizerConfig.chat_template));
  }
  return metadata;
}

/** What rope_freqs.weight holds for Llama 3's rule, [C/2]: by how much each frequency is divided. null for other rules. */
export function frequencyFactorsOf({ headDim, ropeTheta, ropeScaling }: ModelConfig): Float32Array | null {
  if (ropeScaling?.kind !== 'llama3') return null;
  const { frequencies: scaled } = ropeFrequencies(headDim, ropeTheta, ropeScaling);
  const { frequencies: plain } = ropeFrequencies(headDim, ropeTheta);
  return Float32Array.from(plain, (frequency, pair) => frequency / (scaled[pair] as number));
}
