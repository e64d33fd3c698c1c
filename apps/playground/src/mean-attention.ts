/** Attention weights of the next token, of one head or the mean of several. */

import type { WorkerSession } from '@inattention/model/worker';

/** Weights [N], which sum to 1: of one head of one layer, or the mean over all layers or heads where null. */
export async function meanAttention(
  session: WorkerSession,
  layerCount: number,
  layer: number | null,
  head: number | null,
): Promise<Float32Array> {
  const layers = layer === null ? Array.from({ length: layerCount }, (_, at) => at) : [layer];
  const sum = new Float32Array(session.length);
  let rows = 0;
  for (const one of layers) {
    const heads = await session.attentionWeights(one);
    const chosen = head === null ? heads : heads.slice(head, head + 1);
    for (const weights of chosen) {
      for (let at = 0; at < sum.length; at += 1) sum[at] = (sum[at] as number) + (weights[at] as number);
    }
    rows += chosen.length;
  }
  return sum.map((total) => total / rows);
}
