/**
 * Queries that attend to something: each points at one key it sees, so strongly that this key gets about half of its
 * weight. Near-uniform attention would hide a kernel that reads wrong keys or masks wrongly.
 */

import type { RandomNumbers } from '../../inputs/random-numbers.ts';
import { type AttentionInputs, attentionScores, attentionSizes, softmax } from '../../reference/attention.ts';
import { type NdArray, ndArray } from '../../reference/nd-array.ts';
import { expectThat } from '../assertions.ts';

/** Everything of attention but its queries. */
export type Attended = Omit<AttentionInputs, 'queries'>;

/** The attention of `heads` query heads, with peaked queries [T, H, C]. Throws unless they are peaked. */
export function peakedAttention(attended: Attended, heads: number, random: RandomNumbers): AttentionInputs {
  const { positions, keys } = attended;
  const [, kvHeads, headDim] = keys.shape;
  const count = positions.length;
  const inputs = { ...attended, queries: ndArray([count, heads, headDim], random.normals(count * heads * headDim)) };
  let total = 0;
  let peaked = 0;
  for (let t = 0; t < count; t += 1) {
    const seen = seenBy(inputs, t);
    if (seen === 0) continue;
    for (let h = 0; h < heads; h += 1) {
      const target = random.integer(seen);
      total += sharpen(inputs, t, h, (target * kvHeads + Math.floor((h * kvHeads) / heads)) * headDim);
      peaked += 1;
    }
  }
  expectThat(peaked === 0 || total / peaked > 0.3, `Attention is not peaked: ${total / peaked}.`);
  return inputs;
}

/** How many keys query t sees. */
function seenBy(inputs: AttentionInputs, t: number): number {
  const { N, firstPosition } = attentionSizes(inputs);
  return Math.min(N, Math.max(0, (inputs.positions[t] as number) - firstPosition + 1));
}

/** Points query (t, h) at the key that starts at `keyStart`, longer until it is peaked; returns the largest weight. */
function sharpen(inputs: AttentionInputs, t: number, h: number, keyStart: number): number {
  const { H, C } = attentionSizes(inputs);
  const query: NdArray = inputs.queries;
  const key = inputs.keys.data.subarray(keyStart, keyStart + C);
  const norm = Math.hypot(...key);
  let largest = 0;
  for (let length = 1; length < 40 && largest < 0.5; length *= 1.4) {
    for (let c = 0; c < C; c += 1) query.data[(t * H + h) * C + c] = Math.fround((length * key[c]) / norm);
    largest = softmax(attentionScores(inputs, t, h)).reduce((most, weight) => Math.max(most, weight), 0);
  }
  return largest;
}
