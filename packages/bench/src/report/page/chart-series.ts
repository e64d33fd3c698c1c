/** What the report's charts draw, as plain data: points by series, measured ones told from computed ones. */

import type { SweepResult, SweepRow, Timing, Variant } from '../../result.ts';
import { formatBytes, formatMilliseconds, formatTokens } from '../units.ts';

/** A line of a chart: a variant, or mode tables when the table has seen something. */
export type SeriesName = Variant | 'tables, warm' | 'tables, revisited';

export const seriesNames: readonly SeriesName[] = [
  'self',
  'kv',
  'tables',
  'tables, warm',
  'tables, revisited',
  'states',
  'ids',
];

export interface ChartPoint {
  readonly series: SeriesName;
  readonly tokens: number;
  readonly value: number;
  /** False: planned or extrapolated; drawn hollow, its line dashed. */
  readonly measured: boolean;
  /** The point in words. */
  readonly label: string;
}

export interface Chart {
  /** Names the chart in ids of the page. */
  readonly id: string;
  readonly title: string;
  readonly unit: 'bytes' | 'ms';
  readonly points: readonly ChartPoint[];
  /** A horizontal line: what the backend holds. */
  readonly limit?: { readonly value: number; readonly label: string };
  /** The table with the same figures. */
  readonly table: string;
}

/** Nothing that is measured is smaller; a logarithmic axis would have to begin there. */
const smallest = 1e-9;

/** Every chart of a result. Points whose value or length is 0 or missing are left out: the axes are logarithmic. */
export function charts(result: SweepResult): Chart[] {
  const { rows, budgetBytes, weightBytes } = result;
  const kept = budgetBytes === null ? null : budgetBytes - weightBytes.inattention;
  return [
    {
      id: 'kept',
      title: 'Kept for the context: context and table',
      unit: 'bytes',
      points: rows.flatMap((row) =>
        bytesPoint(row, sum(row.contextBytes, row.tableBytes), row.plan.contextBytes + row.plan.tableBytes),
      ),
      ...(kept !== null && kept > 0 && { limit: { value: kept, label: `${formatBytes(kept)} beside the weights` } }),
      table: 'Memory',
    },
    {
      id: 'peak',
      title: 'Peak memory, weights included',
      unit: 'bytes',
      points: rows.flatMap((row) => bytesPoint(row, row.peakBytes, row.plan.totalBytes)),
      ...(budgetBytes !== null &&
        budgetBytes > 0 && { limit: { value: budgetBytes, label: `${formatBytes(budgetBytes)} in all` } }),
      table: 'Memory',
    },
    {
      id: 'first-token',
      title: 'Time to the first token',
      unit: 'ms',
      points: [
        ...rows.flatMap((row) => timePoint(row.variant, row, row.timeToFirstToken)),
        ...rows.flatMap((row) => timePoint('tables, warm', row, row.timeToFirstTokenWarm)),
        ...rows.flatMap((row) => timePoint('tables, revisited', row, row.timeToFirstTokenRevisited)),
      ],
      table: 'Time',
    },
    {
      id: 'decode',
      title: 'Time per further token',
      unit: 'ms',
      points: rows.flatMap((row) => timePoint(row.variant, row, row.decode)),
      table: 'Time',
    },
  ];
}

/** The chart in a sentence or two, for those who cannot see it. */
export function describeChart({ points, unit, limit, table }: Chart): string {
  const longest = Math.max(0, ...points.map(({ tokens }) => tokens));
  const there = points.filter(({ tokens }) => tokens === longest).map(({ label }) => label);
  const line = limit === undefined ? '' : ` A line marks ${limit.label}.`;
  const what = unit === 'bytes' ? 'Bytes' : 'Time';
  return `${what} against tokens of context, both axes logarithmic. ${there.join('; ')}.${line} The table “${table}” has every figure.`;
}

function bytesPoint(row: SweepRow, measured: number | null, planned: number): ChartPoint[] {
  const value = measured ?? planned;
  if (value < smallest || row.tokens === 0) return [];
  const how = measured === null ? (row.outcome === 'refused' ? 'planned, does not fit' : 'planned') : 'measured';
  const label = `${row.variant} at ${formatTokens(row.tokens)}: ${formatBytes(value)}, ${how}`;
  return [{ series: row.variant, tokens: row.tokens, value, measured: measured !== null, label }];
}

function timePoint(series: SeriesName, { tokens }: SweepRow, timing: Timing | null): ChartPoint[] {
  if (timing === null || timing.median < smallest || tokens === 0) return [];
  const measured = timing.extrapolated === undefined;
  const label = `${series} at ${formatTokens(tokens)}: ${formatMilliseconds(timing.median)}, ${measured ? 'measured' : 'extrapolated'}`;
  return [{ series, tokens, value: timing.median, measured, label }];
}

function sum(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}
