/**
 * config.json of the Llama family (Llama and SmolLM2, Mistral, Qwen2, Qwen3) as this project's: the same field names, each
 * family's defaults and habits spelled out, every layer `self`. parseConfig then checks the result and refuses what is
 * not supported. Defaults: the configuration classes of Hugging Face's transformers, 4.x and 5.x.
 */

import { isRecord } from '../json/describe.ts';
import { refuse } from './config-reader.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Family {
  /** What a file of the family means where it says nothing. */
  readonly defaults: Fields;
  /** What every model of the family is, whatever its file says. */
  readonly always?: Fields;
}

const families: ReadonlyMap<string, Family> = new Map<string, Family>([
  ['llama', { defaults: {} }],
  ['mistral', { defaults: { num_key_value_heads: 8, max_position_embeddings: 131_072, sliding_window: 4096 } }],
  [
    'qwen2',
    { defaults: { num_key_value_heads: 32, max_position_embeddings: 32_768 }, always: { attention_bias: 'qkv' } },
  ],
  [
    'qwen3',
    {
      defaults: { num_key_value_heads: 32, max_position_embeddings: 32_768, head_dim: 128 },
      always: { use_qk_norm: true },
    },
  ],
]);

/** Fields that only training, other runtimes or bookkeeping read. */
const unused = [
  'attention_dropout',
  'initializer_range',
  'max_window_layers',
  'pretraining_tp',
  'use_cache',
  'use_sliding_window',
  'architectures',
  'auto_map',
  'torch_dtype',
  'dtype',
  'transformers_version',
];

/** True for the config.json of another project's model that `fromLlamaFamily` translates. */
export function isLlamaFamily(json: unknown): json is Fields {
  return isRecord(json) && families.has(String(json.model_type));
}

/** This project's config.json for one of the Llama family. Throws InvalidConfigError for what is not supported. */
export function fromLlamaFamily(json: Fields): Record<string, unknown> {
  const type = String(json.model_type);
  const { defaults, always = {} } = families.get(type) as Family;
  const given = Object.fromEntries(Object.entries(json).filter(([name]) => !unused.includes(name)));
  const fields = { ...defaults, ...given, ...always };
  const { layer_types, sliding_window, ...rest } = fields as Record<string, unknown>;
  checkLayerTypes(layer_types);
  checkWindow(type, sliding_window, json);
  return {
    ...rest,
    model_type: 'inattention',
    position_embedding_type: 'rope',
    initial_state_window: 1,
    attention_types: 'self',
  };
}

function checkLayerTypes(types: unknown): void {
  if (types === undefined || types === null) return;
  const full = Array.isArray(types) && types.every((type) => type === 'full_attention');
  if (!full) refuse('layer_types', types, 'full_attention in every layer: this version does not support another');
}

/** A window as long as the texts the model was made for hides nothing of them. */
function checkWindow(type: string, window: unknown, json: Fields): void {
  const isUsed = type === 'mistral' || (json.use_sliding_window ?? false) !== false;
  if (window === undefined || window === null || (type !== 'llama' && !isUsed)) return;
  const longest = json.max_position_embeddings;
  if (typeof window === 'number' && typeof longest === 'number' && window >= longest) return;
  refuse('sliding_window', window, 'null, or max_position_embeddings or more: this version attends to the whole text');
}
