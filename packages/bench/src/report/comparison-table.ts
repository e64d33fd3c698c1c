/** Two sweeps side by side, row by row: figures of both and the ratio, which is only as good as the machines were alike. */

import type { SweepResult, SweepRow, Timing } from '../result.ts';
import type { ReportColumn, ReportTable } from './report-table.ts';
import { formatBytes, formatMilliseconds, formatRatio, formatTokens } from './units.ts';

/** Rows of what both have measured or planned; none when they share no length and variant. */
export function comparisonTable(first: SweepResult, second: SweepResult): ReportTable {
  return {
    title: 'Compared',
    notes: [
      `A: ${nameOf(first)}. B: ${nameOf(second)}.`,
      '“B / A”: above 1 B takes more. The two were not measured in turn: another machine, another day or another load is in the ratio.',
    ],
    columns: [
      right('tokens'),
      { title: 'variant', align: 'left' },
      ...['first token, A', 'B', 'B / A', 'decode, A', 'B', 'B / A', 'context and table, A', 'B', 'B / A'].map(right),
    ],
    rows: first.rows.flatMap((a) => {
      const b = second.rows.find(({ tokens, variant }) => tokens === a.tokens && variant === a.variant);
      if (b === undefined) return [];
      return [
        [
          formatTokens(a.tokens),
          a.variant,
          ...times(a.timeToFirstToken, b.timeToFirstToken),
          ...times(a.decode, b.decode),
          ...pair(keptBytes(a), keptBytes(b), formatBytes),
        ],
      ];
    }),
  };
}

function times(a: Timing | null, b: Timing | null): string[] {
  const mark = (timing: Timing | null) => (timing?.extrapolated === undefined ? '' : '~');
  const cells = pair(a?.median ?? null, b?.median ?? null, formatMilliseconds);
  const marks = [mark(a), mark(b), mark(a) || mark(b)];
  return cells.map((cell, place) => (cell === '' ? '' : `${marks[place]}${cell}`));
}

function pair(a: number | null, b: number | null, format: (value: number) => string): string[] {
  const cell = (value: number | null) => (value === null ? '' : format(value));
  return [cell(a), cell(b), a === null || b === null || a === 0 ? '' : formatRatio(b / a)];
}

function keptBytes({ contextBytes, tableBytes, plan }: SweepRow): number {
  return contextBytes === null || tableBytes === null ? plan.contextBytes + plan.tableBytes : contextBytes + tableBytes;
}

function nameOf({ shape, dtype, backend, device, created }: SweepResult): string {
  return `${shape}, ${dtype}, ${backend} (${device}), ${created}`;
}

function right(title: string): ReportColumn {
  return { title, align: 'right' };
}
