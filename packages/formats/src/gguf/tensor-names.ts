/** Names of a Llama-family decoder's tensors in GGUF files and in Hugging Face's, and which rows lie in another order. */

/** Tensors outside the layers: [GGUF, Hugging Face]. */
const outer: readonly (readonly [string, string])[] = [
  ['token_embd.weight', 'model.embed_tokens.weight'],
  ['output_norm.weight', 'model.norm.weight'],
  ['output.weight', 'lm_head.weight'],
];

/** Tensors of layer N: `blk.N.` + the first is `model.layers.N.` + the second. */
const inLayer: readonly (readonly [string, string])[] = [
  ['attn_norm.weight', 'input_layernorm.weight'],
  ['attn_q.weight', 'self_attn.q_proj.weight'],
  ['attn_k.weight', 'self_attn.k_proj.weight'],
  ['attn_v.weight', 'self_attn.v_proj.weight'],
  ['attn_output.weight', 'self_attn.o_proj.weight'],
  ['attn_q.bias', 'self_attn.q_proj.bias'],
  ['attn_k.bias', 'self_attn.k_proj.bias'],
  ['attn_v.bias', 'self_attn.v_proj.bias'],
  ['attn_output.bias', 'self_attn.o_proj.bias'],
  ['attn_q_norm.weight', 'self_attn.q_norm.weight'],
  ['attn_k_norm.weight', 'self_attn.k_norm.weight'],
  ['ffn_norm.weight', 'post_attention_layernorm.weight'],
  ['ffn_gate.weight', 'mlp.gate_proj.weight'],
  ['ffn_up.weight', 'mlp.up_proj.weight'],
  ['ffn_down.weight', 'mlp.down_proj.weight'],
];

const outerToOurs = new Map(outer);
const outerToGguf = new Map(outer.map(([gguf, ours]) => [ours, gguf]));
const layerToOurs = new Map(inLayer);
const layerToGguf = new Map(inLayer.map(([gguf, ours]) => [ours, gguf]));

/** Hugging Face's name of a GGUF file's tensor; undefined for one that a Llama-family decoder does not have. */
export function nameFromGguf(name: string): string | undefined {
  const match = /^blk\.(0|[1-9]\d{0,5})\.(.+)$/.exec(name);
  if (match === null) return outerToOurs.get(name);
  const part = layerToOurs.get(match[2] as string);
  return part === undefined ? undefined : `model.layers.${match[1]}.${part}`;
}

/** A GGUF file's name of a tensor; undefined for one that GGUF has no name for. */
export function nameToGguf(name: string): string | undefined {
  const match = /^model\.layers\.(\d+)\.(.+)$/.exec(name);
  if (match === null) return outerToGguf.get(name);
  const part = layerToGguf.get(match[2] as string);
  return part === undefined ? undefined : `blk.${match[1]}.${part}`;
}

/** Which heads' rows llama.cpp's converter reorders in files of architecture `llama`, by our name; undefined: none. */
export function permutedHeads(name: string): 'query' | 'key' | undefined {
  if (/\.self_attn\.q_proj\.(weight|bias)$/.test(name)) return 'query';
  return /\.self_attn\.k_proj\.(weight|bias)$/.test(name) ? 'key' : undefined;
}
