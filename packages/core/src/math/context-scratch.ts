/**
 * What attention of one layer takes for a while, at most: a function of the model and the number of queries, not of the
 * length of the context (DESIGN §4). Counted for backends that have no fused operations; fused ones take less of what the
 * ledger counts, and what they take besides is theirs to state.
 */

import { blockEntries, tileQueries } from '../operations/attend.ts';
import type { ContextMode } from './context-mode.ts';
import { rowKind } from './context-source.ts';
import type { ModelConfig } from './model-config.ts';
import { contextPageLength, distinctBlockLength } from './page-sizes.ts';

/** Device bytes beyond queries, context and result that attention of `queries` queries takes in one layer, at most. */
export function attendScratchBytes(config: ModelConfig, mode: ContextMode, queries = 1): number {
  const { numKeyValueHeads: groups, headDim } = config;
  const overKeys = attentionNumbers(config, queries, groups, headDim);
  switch (mode) {
    case 'kv':
      return 4 * overKeys;
    case 'tables':
      return 4 * (overKeys + (rowKind(config) === 'parts' ? expandNumbers(config) : biasNumbers(config, queries)));
    case 'states':
      return 4 * Math.max(projectionNumbers(config) + overKeys, absorbedNumbers(config, queries));
    case 'ids': {
      const states = stateNumbers(config) + termNumbers(config);
      const byPosition = Math.max(projectionNumbers(config) + overKeys, absorbedNumbers(config, queries));
      return 4 * Math.max(states + byPosition, distinctNumbers(config) + overKeys);
    }
  }
}

/** Composed attention: a block of keys and values of `groups` heads of `size`, and a tile of queries. */
function attentionNumbers(config: ModelConfig, queries: number, groups: number, size: number): number {
  const { numAttentionHeads: heads } = config;
  const rows = Math.min(queries, tileQueries);
  // Keys, values, and what rotating the keys makes of them: six copies in halves, cosines and sines.
  const entries = blockEntries * (9 * groups * size + 6 * size + groups + 4 * config.initialStateWindow);
  const scores = 6 * blockEntries * rows * (heads + 1);
  // Queries, output, maximum and sum: the parts and what merging them makes.
  return entries + scores + 10 * rows * heads * (size + 4) + 2 * queries * heads * (size + 4);
}

/** A page of sums made keys and values: slots, sums, scaled; biased, normalised (five copies), and rotated. */
function expandNumbers({ initialStateWindow, numKeyValueHeads, headDim }: ModelConfig): number {
  const ofPosition = (4 + finishCopies + 6) * numKeyValueHeads * headDim + 6 * headDim + numKeyValueHeads + 2;
  return contextPageLength * ofPosition + initialStateWindow;
}

/** b_V of each head, and what attention returned before it was added. */
function biasNumbers({ attentionBias, numAttentionHeads, headDim }: ModelConfig, queries: number): number {
  return attentionBias === undefined ? 0 : numAttentionHeads * ((queries + 1) * headDim + 1);
}

/** Initial states of a block: per offset e, P, their sum, M_j e and the state so far; then the norm. */
function stateNumbers({ initialStateWindow: window, hiddenSize }: ModelConfig): number {
  return contextPageLength * ((5 * window + 2) * hiddenSize + 2 * window);
}

/** States of a block and their product with g, keys, values, biases and norm, and what rotating makes of the keys. */
function projectionNumbers(config: ModelConfig): number {
  const { hiddenSize, numKeyValueHeads, headDim } = config;
  const copies = 9 + (finishes(config) ? finishCopies : 0);
  return contextPageLength * (2 * hiddenSize + copies * numKeyValueHeads * headDim + 6 * headDim + numKeyValueHeads);
}

/** Terms M_j e of a block's distinct ids, and where each position finds its own. */
function termNumbers({ initialStateWindow, hiddenSize, vocabSize }: ModelConfig): number {
  const positions = distinctBlockLength + initialStateWindow;
  return Math.min(vocabSize, positions) * (initialStateWindow * hiddenSize + 1) + positions;
}

/** A block by its distinct ids: terms, a product with g, rows, scale; states of a page, and their norm. */
function distinctNumbers(config: ModelConfig): number {
  const { vocabSize, initialStateWindow: window, hiddenSize, numKeyValueHeads, headDim } = config;
  const positions = distinctBlockLength + window;
  const copies = 2 * (window + 1) + (finishes(config) ? finishCopies : 0);
  const rows = Math.min(vocabSize, positions) * (hiddenSize + copies * numKeyValueHeads * headDim);
  return termNumbers(config) + rows + 2 * positions + contextPageLength * (5 * hiddenSize + 1);
}

/** Attention to states themselves: queries and sums in D numbers per head, W_K unpacked if it is kept in blocks. */
function absorbedNumbers(config: ModelConfig, queries: number): number {
  const { hiddenSize, numAttentionHeads, numKeyValueHeads, headDim } = config;
  const absorbed = 5 * queries * numAttentionHeads * hiddenSize + numKeyValueHeads * headDim * hiddenSize;
  return absorbed + attentionNumbers(config, queries, 1, hiddenSize) + biasNumbers(config, queries);
}

/** Copies of keys or values that biases (two) and the keys' norm (five, not fused) make at most. */
const finishCopies = 7;

function finishes({ attentionBias, queryKeyNorm }: ModelConfig): boolean {
  return attentionBias !== undefined || queryKeyNorm === true;
}
