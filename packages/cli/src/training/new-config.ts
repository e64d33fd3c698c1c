/** The configuration of a new model, as flags describe it. */

import type { AttentionType, ModelConfig } from '@inattention/core/math';
import { parseConfig, switchedConfig, type Tokenizer } from '@inattention/formats';
import type { RunSettings } from './run-settings.ts';
import { switchesOf } from './switch-settings.ts';

/** For a tokenizer. Throws InvalidConfigError for sizes that do not fit each other, InvalidArgumentError for layers. */
export function newConfig(settings: RunSettings, tokenizer: Pick<Tokenizer, 'vocabSize' | 'eosTokenIds'>): ModelConfig {
  const { hiddenSize, heads, kvHeads = heads, intermediateSize, layers } = settings;
  const { window = 3, positionEmbedding, contextLength } = settings;
  const [eos] = tokenizer.eosTokenIds;
  const attention: AttentionType = 'inattention';
  const config = parseConfig({
    model_type: 'inattention',
    vocab_size: tokenizer.vocabSize,
    hidden_size: hiddenSize,
    intermediate_size: intermediateSize ?? Math.ceil((hiddenSize * 8) / 3 / 32) * 32,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    max_position_embeddings: contextLength,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    position_embedding_type: positionEmbedding,
    initial_state_window: window,
    attention_types: attention,
    ...(eos !== undefined && { eos_token_id: eos }),
  });
  return switchedConfig(config, { attention: switchesOf(settings) });
}
