/** Configurations that conversion makes: layers switched to InAttention or back, and Hugging Face's config.json. */

import { InvalidArgumentError, UnsupportedError } from '@inattention/core';
import type { AttentionType, ModelConfig } from '@inattention/core/math';
import { parseConfig, serializeConfig } from '../config/parse-config.ts';
import { ggufArchitecture } from '../gguf/model-metadata.ts';

export interface Switches {
  /** What layers become, by index; "all" for every layer. Layers that are not named stay. */
  readonly attention?: ReadonlyMap<number | 'all', AttentionType>;
  /** w: gives the model an initial-state window, which starts at 0 and so changes nothing before training. */
  readonly initialStateWindow?: number;
}

/** The configuration with layers switched. Throws InvalidArgumentError for a layer that is not there, or a smaller window. */
export function switchedConfig(
  config: ModelConfig,
  { attention = new Map(), initialStateWindow }: Switches,
): ModelConfig {
  const types = [...config.attentionTypes];
  for (const [layer, type] of attention) {
    if (layer === 'all') types.fill(type);
    else if (layer in types) types[layer] = type;
    else {
      throw new InvalidArgumentError({
        what: 'The model has no such layer.',
        got: `layer ${layer}`,
        expected: `0 to ${types.length - 1}`,
      });
    }
  }
  const window = initialStateWindow ?? config.initialStateWindow;
  if (window !== config.initialStateWindow && config.initialStateWindow > 1) {
    throw new InvalidArgumentError({
      what: 'The model has an initial-state window already.',
      got: `w = ${window}`,
      expected: `w = ${config.initialStateWindow}`,
    });
  }
  return parseConfig(serializeConfig({ ...config, attentionTypes: types, initialStateWindow: window }));
}

const architectures = { llama: 'LlamaForCausalLM', qwen2: 'Qwen2ForCausalLM', qwen3: 'Qwen3ForCausalLM' } as const;

/**
 * config.json as Hugging Face's transformers reads it, of a model whose layers are all `self`. Throws UnsupportedError for
 * another.
 */
export function huggingFaceConfig(config: ModelConfig): Record<string, unknown> {
  const modelType = huggingFaceType(config);
  const {
    attention_types: _types,
    position_embedding_type: _positions,
    initial_state_window: _window,
    attention_bias: bias,
    use_qk_norm: _norm,
    eos_token_id: ends,
    ...fields
  } = serializeConfig(config);
  const list = Array.isArray(ends) ? ends : [];
  return {
    architectures: [architectures[modelType]],
    ...fields,
    model_type: modelType,
    ...(modelType === 'llama' && bias !== undefined && { attention_bias: bias !== false }),
    ...(list.length > 0 && { eos_token_id: list.length === 1 ? list[0] : list }),
  };
}

/** Hugging Face's families are those of llama.cpp, but for one: Llama's MLP may have biases there. */
function huggingFaceType(config: ModelConfig): keyof typeof architectures {
  try {
    return ggufArchitecture(config.mlpBias ? { ...config, mlpBias: false } : config);
  } catch (cause) {
    if (!(cause instanceof UnsupportedError)) throw cause;
    throw new UnsupportedError({
      what: cause.what.replace('as GGUF', "in Hugging Face's layout"),
      ...(cause.got !== undefined && { got: cause.got }),
      ...(cause.expected !== undefined && { expected: cause.expected }),
      fix: 'write it in the format of this project',
      cause,
    });
  }
}
