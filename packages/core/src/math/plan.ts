/**
 * Predictions, to the byte, of what a context takes in each mode (DESIGN §4), and the choice among them. What is
 * predicted is what the ledger counts: whole pages, `weights` with rotary angles and slopes. Scratch of a step is
 * bounded, whatever the length of the context, and stated apart. Edits in `states` may leave pages partly used: then the
 * context holds the pages its rows are in, which are more.
 */

import { InvalidArgumentError } from '../errors/errors.ts';
import { bytesPerElement } from '../tensor/dtype.ts';
import {
  absorbedStatesFlops,
  attentionFlops,
  finishFlops,
  idsFlops,
  mixFlops,
  projectedStatesFlops,
  projectionFlops,
} from './context-cost.ts';
import { type ContextDType, type ContextMode, contextModes } from './context-mode.ts';
import { attendScratchBytes } from './context-scratch.ts';
import { inattentionLayers, rowKind } from './context-source.ts';
import type { ModelConfig } from './model-config.ts';
import { contextPageLength, pageCount, rowPageSlots, termPageNumbers } from './page-sizes.ts';
import { maxRopePositions } from './rope-angles.ts';
import { type WeightDType, weightBytes } from './weight-storage.ts';

export interface PlanOptions {
  /** N: ids in the context. */
  readonly tokens: number;
  /** U: distinct ids among them. Default: the bound min(N, V). */
  readonly distinct?: number;
  /** Bytes that weights, context and table may take together. Default: no limit. */
  readonly budget?: number;
  /** dtype of what the context keeps. Default f32. */
  readonly dtype?: ContextDType;
  /** What the matrices of the weights are kept in. Default f32. */
  readonly weightDType?: WeightDType;
  /** Device bytes of the weights, where not all matrices are in `weightDType`. Default: all are. */
  readonly weightBytes?: number;
}

export interface ContextPlanRow {
  readonly mode: ContextMode;
  /** Device bytes of the session. */
  readonly contextBytes: number;
  /** Device bytes of the model's table, for all its sessions. */
  readonly tableBytes: number;
  /** Device bytes of weights, rotary angles and slopes. */
  readonly weightBytes: number;
  /** Host bytes: the ids (and, in `states`, the rows that hold their states). */
  readonly hostBytes: number;
  /**
   * Device bytes that attention of one position takes for a while in a layer, at most, whatever the length of the context;
   * not part of totalBytes. Fused operations take less of it.
   */
  readonly scratchBytes: number;
  /** weightBytes + contextBytes + tableBytes. */
  readonly totalBytes: number;
  /** Multiply-adds × 2 to the first logits, with an empty table. */
  readonly firstTokenFlops: number;
  /** Multiply-adds × 2 of each further token. */
  readonly decodeFlops: number;
  /** Whether totalBytes is within the budget and the positions can be addressed. */
  readonly fits: boolean;
  /** Why not, when it does not fit. */
  readonly reason?: string;
}

export interface ContextPlan {
  readonly tokens: number;
  readonly distinct: number;
  /** True when `distinct` is the bound, not a count. */
  readonly distinctIsBound: boolean;
  readonly budget: number | null;
  readonly dtype: ContextDType;
  readonly weightDType: WeightDType;
  readonly rows: readonly ContextPlanRow[];
  /** Device bytes of the KV cache of the same-size self-attention model, in the same pages and dtype. */
  readonly selfAttentionContextBytes: number;
  /** The mode `auto` takes: the least work among those that fit; null when none does. */
  readonly chosen: ContextMode | null;
}

/** Decode steps that `auto` weighs against the first token: a short answer. */
const answerLength = 64;

/** Device bytes of one layer's KV cache. */
function cacheBytes(config: ModelConfig, tokens: number, dtype: ContextDType): number {
  const positions = pageCount(tokens, contextPageLength) * contextPageLength;
  return 2 * config.numKeyValueHeads * config.headDim * bytesPerElement[dtype] * positions;
}

/** Device bytes of a session's context of `tokens` ids. */
export function contextBytes(config: ModelConfig, mode: ContextMode, tokens: number, dtype: ContextDType): number {
  const inattention = inattentionLayers(config).length;
  const self = (config.numHiddenLayers - inattention) * cacheBytes(config, tokens, dtype);
  const positions = pageCount(tokens, contextPageLength) * contextPageLength;
  const index = 4 * positions;
  switch (mode) {
    case 'kv':
      return self + index + inattention * cacheBytes(config, tokens, dtype);
    case 'tables':
      return self + index + (rowKind(config) === 'finished' ? 0 : 4 * positions);
    case 'states': {
      const rows = pageCount(tokens, rowPageSlots) * rowPageSlots;
      return self + index + rows * config.hiddenSize * bytesPerElement[dtype];
    }
    case 'ids':
      return self + index;
  }
}

/** Device bytes of a table that has seen `distinct` ids and, with learned positions, `tokens` positions. */
export function tableBytes(config: ModelConfig, distinct: number, tokens: number, dtype: ContextDType): number {
  const learned = config.positionEmbeddingType === 'learned';
  const slots = pageCount(distinct, rowPageSlots) * config.initialStateWindow;
  const positions = learned ? pageCount(tokens, rowPageSlots) : 0;
  const rowBytes = 2 * config.numKeyValueHeads * config.headDim * bytesPerElement[dtype];
  const rows = inattentionLayers(config).length * rowBytes * (slots + positions) * rowPageSlots;
  return rows + pageCount(distinct, rowPageSlots) * termPageNumbers(config) * bytesPerElement[dtype];
}

/** Predicts every mode and picks the one with the least work for a first token and a short answer that fits. */
export function plan(config: ModelConfig, options: PlanOptions): ContextPlan {
  const { tokens, dtype = 'f32', weightDType = 'f32' } = options;
  checkCount(tokens, 'tokens', 0, Number.MAX_SAFE_INTEGER);
  const bound = Math.min(tokens, config.vocabSize);
  const distinct = options.distinct ?? bound;
  checkCount(distinct, 'distinct', Math.min(1, bound), bound);
  if (options.budget !== undefined) checkCount(options.budget, 'budget', 0, Number.MAX_SAFE_INTEGER);
  const weights = options.weightBytes ?? weightBytes(config, weightDType);
  const rows = contextModes.map((mode) => planRow(config, mode, tokens, distinct, dtype, weights, options.budget));
  const work = (row: ContextPlanRow) => row.firstTokenFlops + answerLength * row.decodeFlops;
  const fitting = rows.filter((row) => row.fits).sort((a, b) => work(a) - work(b) || a.totalBytes - b.totalBytes);
  return {
    tokens,
    distinct,
    distinctIsBound: options.distinct === undefined,
    budget: options.budget ?? null,
    dtype,
    weightDType,
    rows,
    selfAttentionContextBytes: config.numHiddenLayers * cacheBytes(config, tokens, dtype),
    chosen: fitting[0]?.mode ?? null,
  };
}

function planRow(
  config: ModelConfig,
  mode: ContextMode,
  tokens: number,
  distinct: number,
  dtype: ContextDType,
  weights: number,
  budget: number | undefined,
): ContextPlanRow {
  const context = contextBytes(config, mode, tokens, dtype);
  const table = mode === 'tables' ? tableBytes(config, distinct, tokens, dtype) : 0;
  const totalBytes = weights + context + table;
  const reason = whyNot(config, tokens, totalBytes, budget);
  const mirrors = mode === 'states' ? 2 : 1;
  return {
    mode,
    contextBytes: context,
    tableBytes: table,
    weightBytes: weights,
    hostBytes: mirrors * pageCount(tokens, contextPageLength) * contextPageLength * 4,
    scratchBytes: attendScratchBytes(config, mode),
    totalBytes,
    ...work(config, mode, tokens, distinct),
    fits: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
  };
}

function whyNot(
  config: ModelConfig,
  tokens: number,
  totalBytes: number,
  budget: number | undefined,
): string | undefined {
  const { positionEmbeddingType, maxPositionEmbeddings } = config;
  if (positionEmbeddingType === 'learned' && tokens > maxPositionEmbeddings) {
    return `learned positions end at ${maxPositionEmbeddings}`;
  }
  if (positionEmbeddingType === 'rope' && tokens > maxRopePositions) return `positions end at ${maxRopePositions}`;
  if (budget !== undefined && totalBytes > budget) return `needs ${totalBytes} bytes, ${totalBytes - budget} too many`;
  return undefined;
}

/** Floating-point operations of the first token and of each further one. Self layers' prefill is counted in all modes. */
function work(
  config: ModelConfig,
  mode: ContextMode,
  tokens: number,
  distinct: number,
): { firstTokenFlops: number; decodeFlops: number } {
  const { hiddenSize: D, intermediateSize: F, vocabSize: V, numHiddenLayers } = config;
  const queries = config.numAttentionHeads * config.headDim;
  const layers = inattentionLayers(config).length;
  const selfLayers = numHiddenLayers - layers;
  const project = projectionFlops(config);
  const mix = mixFlops(config);
  const layer = 4 * queries * D + 6 * D * F; // q, output and MLP of one position
  const attention = attentionFlops(config, 1, tokens);
  const lastSelf = selfLayers === 0 ? 0 : config.attentionTypes.lastIndexOf('self');
  const prefill = tokens * (lastSelf * layer + selfLayers * project + (lastSelf * attention) / 2);
  const step = numHiddenLayers * layer + 2 * V * D + selfLayers * (project + attention);
  const sum = 2 * (config.initialStateWindow + 1) * D; // x of terms that are there, and its norm
  const scaling = rowKind(config) === 'finished' ? 0 : config.positionEmbeddingType === 'learned' ? mix : sum;
  const append = { kv: layers * project + mix, tables: scaling, states: mix, ids: 0 }[mode];
  const fill = mode === 'tables' ? distinct * (config.initialStateWindow * layers * project + mix) : 0;
  const decodeFlops = step + layers * contextFlops(config, mode, tokens, distinct) + append;
  return { firstTokenFlops: prefill + append * tokens + fill + decodeFlops, decodeFlops };
}

/** Attention of one query in one inattention layer, with what its keys and values take then. */
function contextFlops(config: ModelConfig, mode: ContextMode, tokens: number, distinct: number): number {
  const attention = attentionFlops(config, 1, tokens);
  switch (mode) {
    case 'kv':
      return attention;
    case 'tables':
      return attention + tableFlops(config, tokens);
    case 'states':
      return Math.min(projectedStatesFlops(config, 1, tokens), absorbedStatesFlops(config, 1, tokens));
    case 'ids':
      return idsFlops(config, tokens, distinct);
  }
}

/** What sums of rows take, and what makes keys and values of them. */
function tableFlops(config: ModelConfig, tokens: number): number {
  const sums = 4 * config.initialStateWindow * config.numKeyValueHeads * config.headDim * tokens;
  return rowKind(config) === 'parts' ? sums + finishFlops(config, tokens) : sums;
}

function checkCount(value: number, name: string, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new InvalidArgumentError({
      what: `plan() was given an impossible ${name}.`,
      got: String(value),
      expected: `a whole number from ${least} to ${most}`,
    });
  }
}
