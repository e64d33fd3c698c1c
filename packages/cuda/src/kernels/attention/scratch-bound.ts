/** The bounds on what attention works on at a time, and what they come to in bytes. */

/** Rows of a run of a KV cache, at most: what attention reads at once. */
export const maxRunRows = 16_384;

/** Floats of keys that are put together at a time (4 MiB); values take as much. */
export const expandedRowElements = 2 ** 20;

/** Scores of a block of entries and a tile of queries, at most (4 MiB), or those of one query. */
export const tileScores = 2 ** 20;

/**
 * Bytes of scratch that attention takes at most beside its results, whatever the queries and entries, for H query heads
 * over G key heads of size C: four tensors of scores and six of rows.
 */
export function attentionScratchBytes(heads: number, kvHeads: number, headDim: number): number {
  const scores = Math.max(tileScores, heads * maxRunRows);
  const rows = Math.max(expandedRowElements, 16 * kvHeads * headDim);
  return 4 * (4 * scores + 6 * rows);
}
