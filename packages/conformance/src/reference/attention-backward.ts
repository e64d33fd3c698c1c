/**
 * The backward of attention (attention.ts has the shapes). For each (t, h), with a_j its weights:
 *
 *     da_j = do·v_j        ds_j = a_j (da_j − Σ_i a_i da_i)
 *     dq += scale Σ_j ds_j k_j        dk_j += scale ds_j q        dv_j += a_j do
 *
 * Keys and values collect from every query head that reads them. Slopes and scale are constants.
 */

import { type AttentionInputs, attentionScores, attentionSizes, softmax } from './attention.ts';
import { expectShape, type NdArray, zeros } from './nd-array.ts';

export interface AttentionGradients {
  /** [T, H, C] */
  readonly gradQueries: NdArray;
  /** [N, G, C] */
  readonly gradKeys: NdArray;
  /** [N, G, C] */
  readonly gradValues: NdArray;
}

export function attentionBackward(inputs: AttentionInputs, gradOut: NdArray): AttentionGradients {
  const { T, H, G, C, scale } = attentionSizes(inputs);
  expectShape(gradOut, [T, H, C], 'The gradient of attention');
  const { queries, keys, values } = inputs;
  const gradQueries = zeros(queries.shape);
  const gradKeys = zeros(keys.shape);
  const gradValues = zeros(values.shape);
  for (let t = 0; t < T; t += 1) {
    for (let h = 0; h < H; h += 1) {
      const atQuery = (t * H + h) * C;
      const g = Math.floor((h * G) / H);
      const weights = softmax(attentionScores(inputs, t, h));
      const gradWeights = new Float64Array(weights.length);
      let mean = 0; // Σ_i a_i da_i
      for (let j = 0; j < weights.length; j += 1) {
        const atKey = (j * G + g) * C;
        for (let c = 0; c < C; c += 1) gradWeights[j] += gradOut.data[atQuery + c] * values.data[atKey + c];
        mean += weights[j] * gradWeights[j];
      }
      for (let j = 0; j < weights.length; j += 1) {
        const atKey = (j * G + g) * C;
        const gradScore = weights[j] * (gradWeights[j] - mean);
        for (let c = 0; c < C; c += 1) {
          gradQueries.data[atQuery + c] += scale * gradScore * keys.data[atKey + c];
          gradKeys.data[atKey + c] += scale * gradScore * queries.data[atQuery + c];
          gradValues.data[atKey + c] += weights[j] * gradOut.data[atQuery + c];
        }
      }
    }
  }
  return { gradQueries, gradKeys, gradValues };
}
