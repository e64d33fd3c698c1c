/** What fits in common memory sizes, by `plan()`: the longest context of each variant, found by bisection. */

import { type ContextDType, type contextModes, maxRopePositions, plan } from '@inattention/core/math';
import type { PlanTableRow, Variant } from './result.ts';
import { configOf, planShapes, type Shape } from './shapes.ts';

/** Memory sizes of consumer GPUs, in bytes. */
export const memorySizes = [8e9, 12e9, 24e9] as const;

/** Rows for every shape and memory size. w = 3, f32 weights, contexts in `dtype`, every id of the vocabulary seen. */
export function planTable(dtype: ContextDType): PlanTableRow[] {
  return planShapes.flatMap((shape) => memorySizes.map((budget) => planRow(shape, budget, dtype)));
}

function planRow(shape: Shape, budget: number, dtype: ContextDType): PlanTableRow {
  const config = configOf(shape, 'inattention', 3);
  const { rows } = plan(config, { tokens: 0, dtype });
  const weightBytes = rows[0]?.weightBytes ?? 0;
  const bytesOf = (variant: Variant, tokens: number, distinct?: number): number => {
    const planned = plan(config, { tokens, dtype, ...(distinct !== undefined && { distinct }) });
    if (variant === 'self') return weightBytes + planned.selfAttentionContextBytes;
    return planned.rows.find((row) => row.mode === variant)?.totalBytes ?? Number.POSITIVE_INFINITY;
  };
  const most = (variant: Variant): number | null => longest((tokens) => bytesOf(variant, tokens) <= budget);
  return {
    shape: shape.name,
    budgetBytes: budget,
    weightBytes,
    groupSize: shape.numAttentionHeads / shape.numKeyValueHeads,
    dtype,
    tokens: {
      self: most('self'),
      kv: most('kv'),
      tables: most('tables'),
      states: most('states'),
      ids: most('ids'),
    } satisfies Record<(typeof contextModes)[number] | 'self', number | null>,
    tablesOnText: longest((tokens) => bytesOf('tables', tokens, distinctOnText(tokens, shape.vocabSize)) <= budget),
  };
}

/**
 * Distinct ids in N tokens of English text: N^0.72, the upper end of what was measured on Moby-Dick and the State of the
 * Union addresses in GPT-2's vocabulary (0.57 to 0.72).
 */
function distinctOnText(tokens: number, vocabSize: number): number {
  return Math.min(vocabSize, tokens, Math.ceil(tokens ** 0.72));
}

/** The largest length up to what rotary positions address that fits; null when 1 does not. */
function longest(fits: (tokens: number) => boolean): number | null {
  if (!fits(1)) return null;
  let low = 1;
  let high = maxRopePositions;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
