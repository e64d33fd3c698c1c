/** What a row of the sweep will take, before it is run: bytes by `plan()`, work, and whether it fits. */

import { type ContextDType, contextModes, type ModelConfig, plan, type WeightDType } from '@inattention/core/math';
import type { RowPlan, Variant } from '../result.ts';
import { baselineDecodeFlops, baselinePrefillFlops } from './baseline-work.ts';

/** Predicts one variant of `config` (the baseline's for `self`) at `tokens` of a text with `distinct` ids. */
export function planRow(
  config: ModelConfig,
  variant: Variant,
  tokens: number,
  distinct: number,
  dtype: ContextDType,
  weightDType: WeightDType = 'f32',
): RowPlan {
  const mode = variant === 'self' ? 'kv' : variant;
  const { rows } = plan(config, { tokens, distinct, dtype, weightDType });
  const row = rows[contextModes.indexOf(mode)] as (typeof rows)[number];
  const work =
    variant === 'self'
      ? { firstTokenFlops: baselinePrefillFlops(config, tokens), decodeFlops: baselineDecodeFlops(config, tokens) }
      : { firstTokenFlops: row.firstTokenFlops, decodeFlops: row.decodeFlops };
  return { contextBytes: row.contextBytes, tableBytes: row.tableBytes, totalBytes: row.totalBytes, ...work };
}

/**
 * Why a row cannot be run on a backend that holds `budget` bytes, `resident` of them weights; null when it can, as far
 * as the plan tells. Scratch comes on top, so the backend may still refuse.
 */
export function whyNot({ contextBytes, tableBytes }: RowPlan, resident: number, budget: number): string | null {
  const needed = resident + contextBytes + tableBytes;
  if (needed <= budget) return null;
  const bytes = (value: number) => value.toLocaleString('en-US');
  const table = tableBytes === 0 ? '' : `, ${bytes(tableBytes)} of table`;
  return `needs ${bytes(needed)} bytes (${bytes(resident)} of weights, ${bytes(contextBytes)} of context${table}) and the backend holds ${bytes(budget)}`;
}
