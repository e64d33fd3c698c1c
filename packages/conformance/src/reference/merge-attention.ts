/**
 * The merge identity (DESIGN §3.8): attention over parts of a context is attention over the whole, from each part's
 * (max, sum, out) alone. Source: the online softmax (Milakov & Gimelshein, arXiv 1805.02867).
 *
 *     M = max_p max_p        s_p = sum_p exp(max_p − M)        sum = Σ_p s_p        out = Σ_p s_p out_p / sum
 */

import { InvalidArgumentError } from '@inattention/core';
import { type AttentionResult, lowestFloat32 } from './attention.ts';
import { expectShape, zeros } from './nd-array.ts';

/** Merges parts [T, H, C]; a part in which a query saw nothing (sum 0) does not count for it. */
export function mergeAttention(parts: readonly AttentionResult[]): AttentionResult {
  if (parts.length === 0) throw new InvalidArgumentError({ what: 'A merge of no parts.', expected: 'at least one' });
  const [T, H, C] = parts[0].out.shape;
  for (const part of parts) expectShape(part.out, [T, H, C], 'A part of attention');
  const out = zeros([T, H, C]);
  const max = zeros([T, H]);
  const sum = zeros([T, H]);
  for (let row = 0; row < T * H; row += 1) {
    max.data[row] = parts.reduce((highest, part) => Math.max(highest, part.max.data[row]), lowestFloat32);
    for (const part of parts) {
      const scaled = part.sum.data[row] * Math.exp(part.max.data[row] - max.data[row]);
      sum.data[row] += scaled;
      for (let c = 0; c < C; c += 1) out.data[row * C + c] += scaled * part.out.data[row * C + c];
    }
    if (sum.data[row] > 0) for (let c = 0; c < C; c += 1) out.data[row * C + c] /= sum.data[row];
  }
  return { out, max, sum };
}
