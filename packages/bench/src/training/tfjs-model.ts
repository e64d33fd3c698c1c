/**
 * The model of the bench in TensorFlow.js: InAttention with rotary positions, as DESIGN says it, made of the library's own
 * operations. Embedding is a product with one-hot rows, since there is no gradient of a gather on its WebAssembly backend.
 *
 * Letters: B texts, T positions, n = B · T rows, D hidden, H heads, C head size, V vocabulary.
 */

import { InvalidArgumentError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import type * as Tfjs from '@tensorflow/tfjs-core';

type Tensor = Tfjs.Tensor;

/** What does not change from step to step. */
export interface TfjsInputs {
  readonly texts: number;
  readonly length: number;
  /** One-hot ids that are read, and that are foreseen: [n, V]. */
  readonly read: Tensor;
  readonly targets: Tensor;
  /** [T, C / 2] */
  readonly cosines: Tensor;
  readonly sines: Tensor;
  /** [T, T]: 0 where a query sees a position, −1e9 elsewhere. */
  readonly mask: Tensor;
}

export function tfjsInputs(tfjs: typeof Tfjs, config: ModelConfig, texts: readonly Int32Array[]): TfjsInputs {
  const { vocabSize, headDim, ropeTheta } = config;
  const length = (texts[0]?.length ?? 1) - 1;
  const half = headDim / 2;
  const oneHot = (from: number) => {
    const ids = Int32Array.from(texts.flatMap((text) => [...text.subarray(from, from + length)]));
    return tfjs.tidy(() => tfjs.cast(tfjs.oneHot(tfjs.tensor1d(ids, 'int32'), vocabSize), 'float32'));
  };
  const angles = (of: (angle: number) => number) => {
    const angleOf = (place: number) => Math.floor(place / half) * ropeTheta ** (-(place % half) / half);
    return tfjs.tensor2d(
      Float32Array.from({ length: length * half }, (_, place) => of(angleOf(place))),
      [length, half],
    );
  };
  const hidden = (place: number) => (place % length > Math.floor(place / length) ? -1e9 : 0);
  return {
    texts: texts.length,
    length,
    read: oneHot(0),
    targets: oneHot(1),
    cosines: angles(Math.cos),
    sines: angles(Math.sin),
    mask: tfjs.tensor2d(
      Float32Array.from({ length: length * length }, (_, place) => hidden(place)),
      [length, length],
    ),
  };
}

/** Mean loss of a batch under weights [output, input] by the names of the files. Tied embeddings, as many heads for keys. */
export function tfjsLoss(
  tfjs: typeof Tfjs,
  config: ModelConfig,
  weights: ReadonlyMap<string, Tensor>,
  { texts, length, read, targets, cosines, sines, mask }: TfjsInputs,
): Tfjs.Scalar {
  const { hiddenSize, numAttentionHeads: heads, headDim, rmsNormEps, initialStateWindow } = config;
  const weight = (name: string): Tensor => {
    const found = weights.get(`model.${name}.weight`);
    if (found === undefined) throw new InvalidArgumentError({ what: `The model has no tensor model.${name}.weight.` });
    return found;
  };
  const linear = (input: Tensor, name: string) => tfjs.matMul(input, weight(name), false, true);
  const norm = (input: Tensor) =>
    tfjs.mul(input, tfjs.rsqrt(tfjs.add(tfjs.mean(tfjs.square(input), -1, true), rmsNormEps)));
  const byHead = (input: Tensor) => tfjs.transpose(tfjs.reshape(input, [texts, length, heads, headDim]), [0, 2, 1, 3]); // [n, H·C] -> [B, H, T, C]
  const rotate = (input: Tensor) => {
    const size = [texts, heads, length, headDim / 2];
    const first = tfjs.slice(input, [0, 0, 0, 0], size);
    const second = tfjs.slice(input, [0, 0, 0, headDim / 2], size);
    return tfjs.concat(
      [
        tfjs.sub(tfjs.mul(first, cosines), tfjs.mul(second, sines)),
        tfjs.add(tfjs.mul(second, cosines), tfjs.mul(first, sines)),
      ],
      -1,
    );
  };

  let start: Tensor = tfjs.matMul(read as Tfjs.Tensor2D, weight('embed_tokens') as Tfjs.Tensor2D); // [n, D]
  if (initialStateWindow > 1) {
    const embedded = tfjs.reshape(start, [texts, length, hiddenSize]);
    for (let back = 1; back < initialStateWindow; back += 1) {
      const earlier = tfjs.concat(
        [tfjs.zeros([texts, back, hiddenSize]), tfjs.slice(embedded, [0, 0, 0], [texts, length - back, hiddenSize])],
        1,
      );
      const matrix = tfjs.reshape(tfjs.slice(weight('initial_state'), [back - 1, 0, 0], [1, hiddenSize, hiddenSize]), [
        hiddenSize,
        hiddenSize,
      ]);
      const rows = tfjs.reshape(earlier, [texts * length, hiddenSize]);
      start = tfjs.add(start, tfjs.matMul(rows, matrix, false, true));
    }
  }
  const states = norm(start);
  let state = start;
  for (let layer = 0; layer < config.numHiddenLayers; layer += 1) {
    const at = `layers.${layer}`;
    const gain = weight(`${at}.input_layernorm`);
    const context = tfjs.mul(states, gain);
    const queries = rotate(byHead(linear(tfjs.mul(norm(state), gain), `${at}.self_attn.q_proj`)));
    const keys = rotate(byHead(linear(context, `${at}.self_attn.k_proj`)));
    const values = byHead(linear(context, `${at}.self_attn.v_proj`));
    const scores = tfjs.add(tfjs.mul(tfjs.matMul(queries, keys, false, true), 1 / Math.sqrt(headDim)), mask);
    const mixed = tfjs.transpose(tfjs.matMul(tfjs.softmax(scores), values), [0, 2, 1, 3]);
    const joined = tfjs.reshape(mixed, [texts * length, heads * headDim]);
    state = tfjs.add(state, linear(joined, `${at}.self_attn.o_proj`));
    const inner = tfjs.mul(norm(state), weight(`${at}.post_attention_layernorm`));
    const gate = linear(inner, `${at}.mlp.gate_proj`);
    const gated = tfjs.mul(tfjs.mul(gate, tfjs.sigmoid(gate)), linear(inner, `${at}.mlp.up_proj`));
    state = tfjs.add(state, linear(gated, `${at}.mlp.down_proj`));
  }
  const logits = linear(tfjs.mul(norm(state), weight('norm')), 'embed_tokens'); // [n, V]
  return tfjs.losses.softmaxCrossEntropy(targets, logits) as Tfjs.Scalar;
}
