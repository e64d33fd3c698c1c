/** Ratios of a row to the baseline's row at the same length in the same run. Above 1: InAttention takes less. */

import type { SweepResult, SweepRow, Timing } from '../result.ts';

export interface Ratio {
  readonly value: number;
  /** Whether one of the two figures was computed from others. */
  readonly extrapolated: boolean;
}

export interface RowRatios {
  /** Baseline's first token over this row's, cold. */
  readonly cold: Ratio | null;
  /** The baseline's multiply-adds to the first token over this row's, for this text: what cold would be at equal rates. */
  readonly work: number | null;
  /** The cold first token in decode steps of this row: its median over the median of a step in the same run. */
  readonly coldInDecodeSteps: number | null;
  /** Baseline's first token over this row's, warm. */
  readonly warm: Ratio | null;
  /** The warm first token in decode steps of this row. */
  readonly warmInDecodeSteps: number | null;
  /** Baseline's first token over this row's, revisited. */
  readonly revisited: Ratio | null;
  /** The revisited first token in decode steps of this row. */
  readonly revisitedInDecodeSteps: number | null;
  /** Baseline's decode step over this row's. */
  readonly decode: Ratio | null;
  /** Baseline's context over this row's context and table, planned bytes. */
  readonly kept: number | null;
}

/** The ratios of one row; `null` where a figure is missing, and for the baseline itself. */
export function ratiosOf(row: SweepRow, rows: SweepResult['rows']): RowRatios {
  const found = rows.find(({ tokens, variant }) => tokens === row.tokens && variant === 'self');
  const self = row.variant === 'self' ? undefined : found;
  const { timeToFirstTokenWarm: warm, timeToFirstTokenRevisited: revisited } = row;
  return {
    cold: ratio(self?.timeToFirstToken, row.timeToFirstToken),
    work: self === undefined ? null : self.plan.firstTokenFlops / row.plan.firstTokenFlops,
    coldInDecodeSteps: decodeSteps(row.timeToFirstToken, row.decode),
    warm: ratio(self?.timeToFirstToken, warm),
    warmInDecodeSteps: decodeSteps(warm, row.decode),
    revisited: ratio(self?.timeToFirstToken, revisited),
    revisitedInDecodeSteps: decodeSteps(revisited, row.decode),
    decode: ratio(self?.decode, row.decode),
    kept: self === undefined ? null : self.plan.contextBytes / (row.plan.contextBytes + row.plan.tableBytes),
  };
}

function decodeSteps(firstToken: Timing | null, decode: Timing | null): number | null {
  return firstToken === null || decode === null ? null : firstToken.median / decode.median;
}

function ratio(of: Timing | null | undefined, to: Timing | null): Ratio | null {
  if (!of || to === null) return null;
  return {
    value: of.median / to.median,
    extrapolated: of.extrapolated !== undefined || to.extrapolated !== undefined,
  };
}
