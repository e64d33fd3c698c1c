/** A profile as a table of text, and as a trace for chrome://tracing and Perfetto (https://ui.perfetto.dev). */

import type { KernelProfile, Profile } from './profile.ts';

/**
 * One line per kernel: dispatches, milliseconds, share, operations and bytes with their rates. MB and GB/s are of the bytes
 * that have to be read and written at least; `of least` is what its invocations load and store (caches serve part of that)
 * over those bytes, `access/FLOP` their loads and stores, of scalars and vectors, per operation.
 */
export function formatProfile({ kernels, submissions }: Profile): string {
  const total = kernels.reduce((sum, { milliseconds }) => sum + (milliseconds ?? 0), 0);
  const rows = kernels.map((kernel) => lineOf(kernel, total));
  const head = [
    'kernel',
    'dispatches',
    'ms',
    '%',
    'GFLOP',
    'GFLOP/s',
    'MB',
    'GB/s',
    'FLOP/byte',
    'access/FLOP',
    'of least',
  ];
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? '')].map((text) => text.length)),
  );
  const lines = [head, ...rows].map((row) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)))
      .join('  '),
  );
  const dispatches = kernels.reduce((sum, kernel) => sum + kernel.dispatches, 0);
  return [
    ...lines,
    `${dispatches} dispatches in ${submissions} submission${submissions === 1 ? '' : 's'}, ${total.toFixed(3)} ms on the device`,
  ].join('\n');
}

function lineOf({ kernel, dispatches, milliseconds, flops, bytes, traffic }: KernelProfile, total: number): string[] {
  const timed = milliseconds !== null && milliseconds > 0;
  return [
    kernel,
    String(dispatches),
    milliseconds === null ? '-' : milliseconds.toFixed(3),
    timed ? ((100 * milliseconds) / total).toFixed(1) : '-',
    (flops / 1e9).toFixed(4),
    timed ? (flops / 1e6 / milliseconds).toFixed(2) : '-',
    (bytes / 1e6).toFixed(3),
    timed ? (bytes / 1e6 / milliseconds).toFixed(2) : '-',
    bytes > 0 ? (flops / bytes).toFixed(2) : '-',
    traffic !== null && flops > 0 ? (traffic.accesses / flops).toFixed(4) : '-',
    traffic !== null && bytes > 0 ? (traffic.bytes / bytes).toFixed(2) : '-',
  ];
}

/** A complete event of the Trace Event Format; times in microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly ph: 'X';
  readonly ts: number;
  readonly dur: number;
  readonly pid: number;
  readonly tid: number;
  readonly args: Readonly<Record<string, number | string>>;
}

/**
 * The dispatches as a trace: `JSON.stringify` it into a file that chrome://tracing or Perfetto opens. Dispatches without
 * timestamps are laid out one after the other, a microsecond each.
 */
export function traceOf({ dispatches }: Profile): { readonly traceEvents: readonly TraceEvent[] } {
  const start = Math.min(...dispatches.map(({ begin }) => begin ?? 0));
  return {
    traceEvents: dispatches.map(({ kernel, begin, end, workgroups, flops, bytes, traffic }, place) => ({
      name: kernel,
      ph: 'X',
      ts: begin === null ? place : (begin - start) / 1e3,
      dur: begin === null || end === null ? 1 : (end - begin) / 1e3,
      pid: 1,
      tid: 1,
      args: {
        workgroups: workgroups.join('×'),
        flops,
        bytes,
        ...(traffic !== null && { accesses: traffic.accesses, accessedBytes: traffic.bytes }),
      },
    })),
  };
}
