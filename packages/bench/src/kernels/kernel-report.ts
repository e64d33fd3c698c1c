/** The kernel bench as tables of text for terminals. */

import Table from 'cli-table3';
import { formatMilliseconds, formatRatio } from '../report/units.ts';
import type { KernelFigure, KernelRatio, KernelResult } from './kernel-result.ts';

/** The whole report: the run's facts, a table for each bench and thread count, and what the marks mean. */
export function kernelReport(result: KernelResult): string {
  const { environment, devices, peers, text, contexts, rounds, warmUpCalls } = result;
  const facts = [
    ...Object.entries(environment).map(([name, value]) => `${name}: ${value}`),
    ...devices.map(({ threads, device }) => `device with ${threads} thread${threads === 1 ? '' : 's'}: ${device}`),
    ...peers.map(({ name, version, missing }) => (version === null ? `peer: ${missing}` : `peer: ${name} ${version}`)),
    `contexts: ${text.title} (${text.tokenizer}); ${contexts.map(distinctOf).join(', ')}`,
    `medians of ${rounds} interleaved rounds after ${warmUpCalls} calls`,
    ...(result.command === undefined ? [] : [`command: ${result.command}`]),
  ];
  const tables = groupsOf(result.figures).flatMap((figures) => ['', ...benchTable(figures, result.ratios)]);
  const lines = ['Kernel bench', ...facts, ...tables, '', ...legend(result.figures)];
  return `${lines.map(withoutControls).join('\n')}\n`;
}

function distinctOf({ tokens, distinct }: KernelResult['contexts'][number]): string {
  return `${distinct.toLocaleString('en-US')} distinct ids in ${tokens.toLocaleString('en-US')}`;
}

/** Figures by bench and thread count, in the order of the run. */
function groupsOf(figures: readonly KernelFigure[]): KernelFigure[][] {
  const groups = new Map<string, KernelFigure[]>();
  for (const figure of figures) {
    const key = JSON.stringify([figure.bench, figure.threads]);
    groups.set(key, [...(groups.get(key) ?? []), figure]);
  }
  return [...groups.values()];
}

function benchTable(figures: readonly KernelFigure[], ratios: readonly KernelRatio[]): string[] {
  const { bench, threads } = figures[0] as KernelFigure;
  const table = new Table({
    head: ['', 'median', 'fastest', 'rate', 'of the limit', 'cpu/wall', 'error'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const figure of figures) table.push(row(figure));
  const own = ratios.filter((ratio) => ratio.bench === bench && ratio.threads === threads);
  const notes = figures.flatMap(({ contestant, note }) => (note === undefined ? [] : [`${contestant}: ${note}`]));
  const title = `${bench}; ${threads} thread${threads === 1 ? '' : 's'}`;
  return [title, table.toString(), ...own.map(ratioLine), ...notes];
}

function row(figure: KernelFigure): string[] {
  const { contestant, counts, medianMs, fastestMs, shareOfLimit, cpuPerWall, error } = figure;
  return [
    counts ? contestant : `${contestant} *`,
    formatMilliseconds(medianMs),
    formatMilliseconds(fastestMs),
    formatRate(figure),
    shareOfLimit === null ? '' : `${(100 * shareOfLimit).toFixed(0)} %`,
    cpuPerWall.toFixed(2),
    error === null ? '' : error.toExponential(0),
  ];
}

function formatRate({ rate, unit }: KernelFigure): string {
  return `${(rate / 1e9).toPrecision(3)} ${unit === 'flop/s' ? 'GFLOP/s' : 'GB/s'}`;
}

function ratioLine({ ours, other, speed, counts }: KernelRatio): string {
  return `${ours} / ${other}: ${formatRatio(speed)} the speed${counts ? '' : ' *'}`;
}

function legend(figures: readonly KernelFigure[]): string[] {
  return [
    'error: largest difference from a float64 loop, over its largest number, checked before timing.',
    ...(figures.every(({ counts }) => counts)
      ? []
      : ['*: something else ran on the machine (cpu/wall below 0.9 × threads); the figure does not count.']),
  ];
}

/** Text of other packages never reaches the terminal as control sequences. */
function withoutControls(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, '\uFFFD');
}
