/**
 * Floating-point operations by which the two ways to keep keys and values of a batch differ; attention itself is the same
 * in both. Products count as they are; what adds up or moves rows is bound by memory, and counts several times over.
 */

import type { ModelConfig } from '@inattention/core/math';
import type { Segment } from './segments.ts';
import { distinctIds, seenLength } from './table-rows.ts';

/** Forward, and two products for the gradients. */
const passes = 3;
/** What an addition from memory counts against one within a product. */
const memoryFactor = 4;

export function contextFlops(config: ModelConfig, segments: readonly Segment[]): { dense: number; tables: number } {
  const positions = segments.reduce((count, { tokens }) => count + tokens.length, 0);
  const seen = segments.reduce((count, segment) => count + seenLength(segment), 0);
  const longest = Math.max(...segments.map(seenLength));
  return {
    dense: denseFlops(config, positions),
    tables: tableFlops(config, seen, distinctIds(segments).length, longest),
  };
}

/** States, keys and values of every position. */
function denseFlops(config: ModelConfig, positions: number): number {
  const { hiddenSize: D, initialStateWindow: window, numHiddenLayers: layers } = config;
  const products = 2 * (window - 1) * D * D + layers * projection(config);
  const memory = layers * (4 * D + 4 * width(config)) + 2 * window * D;
  return positions * (passes * products + memoryFactor * memory);
}

/** Terms, keys and values of every (offset, id); sums of rows and their gradients for every position. */
function tableFlops(config: ModelConfig, positions: number, distinct: number, longest: number): number {
  const { hiddenSize: D, initialStateWindow: window, numHiddenLayers: layers } = config;
  const learned = config.positionEmbeddingType === 'learned';
  const rows = distinct * (2 * (window - 1) * D * D + window * layers * projection(config));
  // Learned positions: states once, and for each position and layer a projection, twice forward, twice backward.
  const ofPositions = learned
    ? longest * 2 * (window - 1) * D * D + (positions * layers * projection(config) * 4) / passes
    : 0;
  // Per position: rows of keys and values added up twice and their gradients added back, some sums between; states twice.
  const memory = layers * width(config) * (6 * window + 12) + 3 * window * D;
  return passes * (rows + ofPositions) + memoryFactor * positions * memory;
}

/** Keys and values of one state. */
function projection(config: ModelConfig): number {
  return 4 * width(config) * config.hiddenSize;
}

/** Numbers of a key or a value. */
function width({ numKeyValueHeads, headDim }: ModelConfig): number {
  return numKeyValueHeads * headDim;
}
