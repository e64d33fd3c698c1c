/** Small GGUF files of random weights, written by this package: what tests of the reader start from. */

import type { ModelConfig } from '@inattention/core/math';
import { expectedTensors } from '../src/config/expected-tensors.ts';
import { parseConfig } from '../src/config/parse-config.ts';
import { ggufContent } from '../src/convert/gguf-content.ts';
import type { WrittenType } from '../src/gguf/encode-blocks.ts';
import { readGgufHeader } from '../src/gguf/header.ts';
import { modelMetadata } from '../src/gguf/model-metadata.ts';
import { tokenizerMetadata } from '../src/gguf/tokenizer-metadata.ts';
import { layOutGguf } from '../src/gguf/writer.ts';
import { openWeights } from '../src/safetensors/weight-files.ts';
import { writeSafetensors } from '../src/safetensors/writer.ts';
import { bytesSource, filesInMemory } from '../src/sources/memory-source.ts';

/** A configuration whose matrices are not square, with two query heads per key head. */
export const tinyConfig: ModelConfig = parseConfig({
  model_type: 'inattention',
  vocab_size: 40,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  max_position_embeddings: 128,
  tie_word_embeddings: false,
  attention_types: 'self',
  eos_token_id: [2, 3],
  bos_token_id: 1,
});

/** A byte-level tokenizer of 40 tokens, the first four of them special. */
export const tinyTokenizer = {
  version: '1.0',
  added_tokens: ['<unk>', '<s>', '</s>', '<end>'].map((content, id) => ({ id, content, special: true })),
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    vocab: Object.fromEntries(
      ['<unk>', '<s>', '</s>', '<end>', ...'abcdefghijklmnopqrstuvwxyz.,', '\u0120', 'th', 'the', '\u0120the'].map(
        (t, id) => [t, id],
      ),
    ),
    merges: [
      ['t', 'h'],
      ['th', 'e'],
      ['\u0120', 'the'],
    ],
  },
};

/** The weights by name: element i of each is a number of its own. */
export function tinyWeights(config: ModelConfig = tinyConfig) {
  let seed = 1;
  return [...expectedTensors(config)].map(([name, shape]) => ({
    name,
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647 - 0.5;
    }),
  }));
}

/** A whole GGUF file. */
export async function tinyGguf(
  type: 'F32' | 'F16' | 'Q8_0' = 'F32',
  config: ModelConfig = tinyConfig,
  tokenizerJson: unknown = tinyTokenizer,
): Promise<Uint8Array> {
  const folder = filesInMemory(new Map([['model.safetensors', writeSafetensors(tinyWeights(config))]]));
  const tokenizerConfig = { add_bos_token: true, chat_template: '{{ messages[0].content }}' };
  const pieces: Uint8Array[] = [];
  for await (const piece of ggufContent(config, await openWeights(folder), { type, tokenizerJson, tokenizerConfig })) {
    pieces.push(piece.slice());
  }
  return new Uint8Array(Buffer.concat(pieces));
}

/** The names of a model in three files. */
export const tinyPartNames = [1, 2, 3].map((part) => `tiny-0000${part}-of-00003.gguf`);

/** What the split changes of a file's metadata, for damage. */
export type SplitChanges = (part: number) => Readonly<Record<string, number>>;

/** The model of `tinyGguf` as llama-gguf-split splits it: metadata in the first file, tensors in turn in all. */
export async function tinySplit(changes: SplitChanges = () => ({})): Promise<Map<string, Uint8Array>> {
  const whole = await tinyGguf('F16');
  const { tensors } = await readGgufHeader(bytesSource(whole));
  const tokenizerConfig = { add_bos_token: true, chat_template: '{{ messages[0].content }}' };
  const metadata = new Map([
    ...modelMetadata(tinyConfig, { fileType: 'F16', tokenizerConfig }),
    ...tokenizerMetadata(tinyTokenizer, tokenizerConfig, tinyConfig),
  ]);
  const files = tinyPartNames.map((name, part): [string, Uint8Array] => {
    const own = [...tensors.values()].filter((_, place) => place % 3 === part);
    const keys = { 'split.no': part, 'split.count': 3, 'split.tensors.count': tensors.size, ...changes(part) };
    const split = Object.entries(keys).map(([key, value]) => [key, { kind: 'uint32', value }] as const);
    const layouts = own.map(({ name: tensor, dtype, shape }) => ({ name: tensor, dtype: dtype as WrittenType, shape }));
    const layout = layOutGguf(new Map([...(part === 0 ? metadata : []), ...split]), layouts);
    const pieces = own.flatMap(({ byteOffset, byteLength }) => [
      whole.subarray(byteOffset, byteOffset + byteLength),
      layout.paddingAfter(byteLength),
    ]);
    return [name, new Uint8Array(Buffer.concat([layout.header, ...pieces]))];
  });
  return new Map(files);
}
