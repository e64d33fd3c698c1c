/** The tensors a configuration calls for (DESIGN §6), and the check that a file has exactly these. */

import { formatShape, InvalidConfigError, InvalidFileError, sameShape } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { quote } from '../json/describe.ts';
import type { TensorEntry } from '../safetensors/header.ts';
import { checkReadable } from '../safetensors/reader.ts';

/** Shapes by tensor name, in the order of the layers. */
export function expectedTensors(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize: D, vocabSize: V, intermediateSize: F, headDim: C, initialStateWindow: w } = config;
  const queries = config.numAttentionHeads * C;
  const keys = config.numKeyValueHeads * C;
  const shapes = new Map<string, readonly number[]>([['model.embed_tokens.weight', [V, D]]]);
  if (config.positionEmbeddingType === 'learned') {
    shapes.set('model.embed_positions.weight', [config.maxPositionEmbeddings, D]);
  }
  if (w > 1) shapes.set('model.initial_state.weight', [w - 1, D, D]);
  for (let layer = 0; layer < config.numHiddenLayers; layer += 1) {
    const name = (part: string, kind = 'weight') => `model.layers.${layer}.${part}.${kind}`;
    shapes.set(name('input_layernorm'), [D]);
    shapes.set(name('self_attn.q_proj'), [queries, D]);
    shapes.set(name('self_attn.k_proj'), [keys, D]);
    shapes.set(name('self_attn.v_proj'), [keys, D]);
    shapes.set(name('self_attn.o_proj'), [D, queries]);
    shapes.set(name('post_attention_layernorm'), [D]);
    shapes.set(name('mlp.gate_proj'), [F, D]);
    shapes.set(name('mlp.up_proj'), [F, D]);
    shapes.set(name('mlp.down_proj'), [D, F]);
    if (config.attentionBias !== undefined) {
      shapes.set(name('self_attn.q_proj', 'bias'), [queries]);
      shapes.set(name('self_attn.k_proj', 'bias'), [keys]);
      shapes.set(name('self_attn.v_proj', 'bias'), [keys]);
    }
    if (config.attentionBias === 'qkvo') shapes.set(name('self_attn.o_proj', 'bias'), [D]);
    if (config.queryKeyNorm) {
      shapes.set(name('self_attn.q_norm'), [C]);
      shapes.set(name('self_attn.k_norm'), [C]);
    }
    if (config.mlpBias) {
      shapes.set(name('mlp.gate_proj', 'bias'), [F]);
      shapes.set(name('mlp.up_proj', 'bias'), [F]);
      shapes.set(name('mlp.down_proj', 'bias'), [D]);
    }
  }
  shapes.set('model.norm.weight', [D]);
  if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [V, D]);
  return shapes;
}

/**
 * Throws InvalidConfigError when shapes contradict the configuration, InvalidFileError when tensors are missing or not
 * called for, UnsupportedError for dtypes that cannot be read. A tied model may carry a copy of its embedding as
 * lm_head.weight, as some exporters write it; it is ignored.
 */
export function checkTensors(config: ModelConfig, tensors: ReadonlyMap<string, TensorEntry>): void {
  const expected = expectedTensors(config);
  const missing = [...expected.keys()].filter((name) => !tensors.has(name));
  if (missing.length > 0) throw listed('The weights lack tensors that config.json calls for.', missing);
  for (const [name, shape] of expected) {
    const entry = tensors.get(name) as TensorEntry;
    if (!sameShape(entry.shape, shape)) {
      throw new InvalidConfigError({
        what: `config.json contradicts the weights at tensor ${quote(name)}.`,
        got: formatShape(entry.shape),
        expected: `${formatShape(shape)} by config.json`,
        fix: 'use the config.json that belongs to these weights',
      });
    }
    checkReadable(entry, 'the weights');
  }
  const redundantHead = config.tieWordEmbeddings ? 'lm_head.weight' : '';
  const extra = [...tensors.keys()].filter((name) => !expected.has(name) && name !== redundantHead);
  if (extra.length > 0) throw listed('The weights hold tensors that config.json does not call for.', extra);
}

function listed(what: string, names: readonly string[]): InvalidFileError {
  const shown = names.slice(0, 5).map(quote).join(', ');
  return new InvalidFileError({
    what,
    got: names.length > 5 ? `${shown} and ${names.length - 5} more` : shown,
    fix: 'use the config.json that belongs to these weights',
  });
}
