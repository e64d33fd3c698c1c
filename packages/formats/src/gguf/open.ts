/** Opens GGUF files as a model: configuration, weights and tokenizer, all checked before any weight is read. */

import { InvalidFileError, UnsupportedError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { fromLlamaFamily } from '../config/llama-family.ts';
import { parseConfig } from '../config/parse-config.ts';
import type { TensorEntry } from '../safetensors/header.ts';
import type { ReadOptions } from '../safetensors/reader.ts';
import type { WeightFiles } from '../safetensors/weight-files.ts';
import { type ByteSource, type ModelSource, readExactly } from '../sources/byte-source.ts';
import { configJsonOfGguf, hasInterleavedHeads } from './config.ts';
import { decodeTensor } from './decode-blocks.ts';
import { MetadataReader } from './metadata-reader.ts';
import { ggufPartsOf, readGgufFiles } from './split-files.ts';
import { tokenizerConfigOfGguf, tokenizerJsonOfGguf } from './tokenizer.ts';
import { ggufWeights } from './weights.ts';

/** What a GGUF file holds, as the files of a model's folder. */
export interface GgufModel {
  readonly config: ModelConfig;
  readonly weights: WeightFiles;
  /** A tokenizer.json; null when the file has no tokenizer. */
  readonly tokenizerJson: Record<string, unknown> | null;
  /** A tokenizer_config.json. */
  readonly tokenizerConfig: Record<string, unknown>;
}

const frequencyFactors = 'rope_freqs.weight';
/** Above any head. */
const maxFrequencies = 65_536;

/**
 * A GGUF file, or the folder of a model that has no config.json: one GGUF file or all of a split one. Throws
 * InvalidFileError, InvalidConfigError, UnsupportedError or AbortedError.
 */
export async function openGguf(model: ModelSource | ByteSource, options: ReadOptions = {}): Promise<GgufModel> {
  const parts = 'read' in model ? [model] : await ggufPartsOf(model, options);
  const { source, metadata: values, tensors } = await readGgufFiles(parts, options);
  const metadata = new MetadataReader(values, source.name);
  const factors = await readFactors(source, tensors.get(frequencyFactors), options);
  const config = parseConfig(fromLlamaFamily(configJsonOfGguf(metadata, tensors, factors)));
  if (factors !== undefined && factors.length !== config.headDim / 2) {
    throw new InvalidFileError({
      what: `${source.name}: ${frequencyFactors} does not fit the heads.`,
      got: `${factors.length} numbers`,
      expected: `${config.headDim / 2}, one per pair of a head of ${config.headDim}`,
    });
  }
  const weights = ggufWeights(source, tensors, {
    ignored: new Set([frequencyFactors]),
    ...(hasInterleavedHeads(metadata) && { interleavedHeadDim: config.headDim }),
  });
  return {
    config,
    weights,
    tokenizerJson: tokenizerJsonOfGguf(metadata),
    tokenizerConfig: tokenizerConfigOfGguf(metadata),
  };
}

async function readFactors(source: ByteSource, entry: TensorEntry | undefined, { signal }: ReadOptions) {
  if (entry === undefined) return undefined;
  // Passed over, the model would run with other frequencies than its own.
  if (entry.dtype !== 'F32' || entry.shape.length !== 1 || entry.byteLength > maxFrequencies * 4) {
    throw new UnsupportedError({
      what: `${source.name}: ${frequencyFactors} cannot be used.`,
      got: `${entry.dtype} [${entry.shape.join(', ')}]`,
      expected: `F32, one number per pair of a head, at most ${maxFrequencies}`,
    });
  }
  const bytes = await readExactly(source, entry.byteOffset, entry.byteOffset + entry.byteLength, signal);
  const factors = new Float32Array(entry.byteLength / 4);
  decodeTensor('F32', bytes, factors);
  return factors;
}
