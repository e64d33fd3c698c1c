/** The table of what the kernels of a decode step took, where the backend told. */

import type { KernelTime, SweepResult, SweepRow } from '../result.ts';
import type { ReportTable } from './report-table.ts';
import { formatBytes, formatMilliseconds, formatTokens } from './units.ts';

/** A decode step of each variant at the longest length at which it was profiled, kernel by kernel. */
export function profileTable({ rows }: SweepResult): ReportTable {
  const profiled = rows.filter(({ decodeProfile }) => decodeProfile !== undefined);
  const longest = (row: SweepRow) =>
    !profiled.some(({ variant, tokens }) => variant === row.variant && tokens > row.tokens);
  return {
    title: 'A decode step, kernel by kernel',
    notes: [
      'One step of the first round, profiled: each dispatch is timed on the device by itself, where it has timestamps, so the sum is more than a step takes. Work as the kernels count it; bytes are the least they must read and write. A roofline is at FLOP/byte times the device’s bandwidth.',
    ],
    columns: [
      { title: 'variant', align: 'left' },
      { title: 'kernel', align: 'left' },
      ...['dispatches', 'time', 'share', 'MFLOP', 'bytes', 'FLOP/byte', 'GB/s'].map(
        (title) => ({ title, align: 'right' }) as const,
      ),
    ],
    rows: profiled.filter(longest).flatMap((row) => {
      const { kernels = [], submissions = 0 } = row.decodeProfile ?? {};
      const total = kernels.reduce((sum, { milliseconds }) => sum + (milliseconds ?? 0), 0);
      const name = `${row.variant}, ${formatTokens(row.tokens)} tokens, ${submissions === 1 ? '1 submission' : `${submissions} submissions`}`;
      return kernels.map((kernel) => [name, ...cells(kernel, total)]);
    }),
  };
}

function cells({ kernel, dispatches, milliseconds, flops, bytes }: KernelTime, total: number): string[] {
  const timed = milliseconds !== null && milliseconds > 0;
  return [
    kernel,
    String(dispatches),
    milliseconds === null ? 'not timed' : formatMilliseconds(milliseconds),
    timed ? `${((100 * milliseconds) / total).toFixed(0)} %` : '',
    (flops / 1e6).toFixed(2),
    formatBytes(bytes),
    bytes > 0 ? (flops / bytes).toFixed(2) : '',
    timed ? (bytes / 1e6 / milliseconds).toFixed(2) : '',
  ];
}
