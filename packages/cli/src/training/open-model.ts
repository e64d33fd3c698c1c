/** The model of a run, in f32: new, or that of a folder. */

import type { Backend } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { parseConfig, type Tokenizer } from '@inattention/formats';
import { openDirectory } from '@inattention/formats/node';
import { createModel, loadModel, type Model } from '@inattention/model';
import type { Terminal } from '../terminal.ts';
import type { RunSettings } from './run-settings.ts';

/** The configuration of a new model for a tokenizer. Throws InvalidConfigError for sizes that do not fit each other. */
export function newConfig(settings: RunSettings, tokenizer: Pick<Tokenizer, 'vocabSize' | 'eosTokenIds'>): ModelConfig {
  const { hiddenSize, heads, kvHeads = heads, intermediateSize, layers } = settings;
  const { window, attention, positionEmbedding, contextLength } = settings;
  const [eos] = tokenizer.eosTokenIds;
  return parseConfig({
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
}

/** The model of a folder, whatever its files are in, with another configuration if one is given. */
export async function openModel(
  folder: string,
  config: ModelConfig | null,
  backend: Backend,
  terminal: Terminal,
): Promise<Model> {
  const options = { weightDType: 'f32', signal: terminal.signal } as const;
  const reconfigured = config === null ? options : { ...options, reconfigure: () => config };
  return loadModel(await openDirectory(folder), backend, reconfigured);
}

/** A new model. */
export function newModel(config: ModelConfig, backend: Backend, { seed }: RunSettings): Model {
  return createModel(config, backend, { seed });
}
