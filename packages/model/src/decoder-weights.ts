/**
 * A decoder's parameters, over whatever holds them: tensors for inference, variables for training.
 * Names and shapes are those of the files (DESIGN §6): Llama's, plus positions and the initial-state window.
 */

import type { ContextWeights, KeyValueWeights, ModelConfig } from '@inattention/core/math';

export interface LayerWeights<V> extends KeyValueWeights<V> {
  /** W_Q, [H·C, D]. */
  readonly query: V;
  /** W_O, [D, H·C]. */
  readonly output: V;
  /** b_Q, [H·C]; null where attention has no biases. */
  readonly queryBias: V | null;
  /** b_O, [D]; null where the output has none. */
  readonly outputBias: V | null;
  /** q_norm.weight, [C]; null where queries are not normalised. */
  readonly queryNorm: V | null;
  /** post_attention_layernorm.weight, [D]. */
  readonly mlpNorm: V;
  /** [F, D] */
  readonly gate: V;
  /** [F, D] */
  readonly up: V;
  /** [D, F] */
  readonly down: V;
  /** [F]; null where the MLP has no biases. */
  readonly gateBias: V | null;
  /** [F]; null where the MLP has no biases. */
  readonly upBias: V | null;
  /** [D]; null where the MLP has no biases. */
  readonly downBias: V | null;
}

export interface DecoderWeights<V> extends ContextWeights<V> {
  readonly layers: readonly LayerWeights<V>[];
  /** norm.weight, [D]. */
  readonly norm: V;
  /** W_U, [V, D]; the embedding itself when tied. */
  readonly head: V;
}

/** Collects a decoder's parameters from `get`, which is asked once for each tensor name of the files. */
export function collectWeights<V>(config: ModelConfig, get: (name: string) => V): DecoderWeights<V> {
  const embedding = get('model.embed_tokens.weight');
  const { attentionBias, mlpBias = false, queryKeyNorm = false } = config;
  return {
    embedding,
    positions: config.positionEmbeddingType === 'learned' ? get('model.embed_positions.weight') : null,
    initialState: config.initialStateWindow > 1 ? get('model.initial_state.weight') : null,
    layers: config.attentionTypes.map((_, layer) => {
      const name = (part: string) => `model.layers.${layer}.${part}.weight`;
      const bias = (part: string, there: boolean) => (there ? get(`model.layers.${layer}.${part}.bias`) : null);
      const biased = attentionBias !== undefined;
      return {
        norm: get(name('input_layernorm')),
        query: get(name('self_attn.q_proj')),
        key: get(name('self_attn.k_proj')),
        value: get(name('self_attn.v_proj')),
        output: get(name('self_attn.o_proj')),
        mlpNorm: get(name('post_attention_layernorm')),
        gate: get(name('mlp.gate_proj')),
        up: get(name('mlp.up_proj')),
        down: get(name('mlp.down_proj')),
        queryBias: bias('self_attn.q_proj', biased),
        keyBias: bias('self_attn.k_proj', biased),
        valueBias: bias('self_attn.v_proj', biased),
        outputBias: bias('self_attn.o_proj', attentionBias === 'qkvo'),
        queryNorm: queryKeyNorm ? get(name('self_attn.q_norm')) : null,
        keyNorm: queryKeyNorm ? get(name('self_attn.k_norm')) : null,
        gateBias: bias('mlp.gate_proj', mlpBias),
        upBias: bias('mlp.up_proj', mlpBias),
        downBias: bias('mlp.down_proj', mlpBias),
      };
    }),
    norm: get('model.norm.weight'),
    head: config.tieWordEmbeddings ? embedding : get('lm_head.weight'),
  };
}

/** Every tensor of a decoder, the tied head included (as the embedding again). */
export function weightTensors<V>(weights: DecoderWeights<V>): V[] {
  const { embedding, positions, initialState, layers, norm, head } = weights;
  const all: (V | null)[] = [embedding, positions, initialState, norm, head];
  for (const layer of layers) all.push(...(Object.values(layer) as (V | null)[]));
  return all.filter((value): value is V & {} => value !== null);
}
