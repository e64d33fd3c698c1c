/** The kernel bench in plain cells and sentences: one definition for terminals, Markdown and pages. */

import { environmentFacts, type Fact } from '../report/facts.ts';
import type { ReportTable } from '../report/report-table.ts';
import { formatMilliseconds, formatRatio } from '../report/units.ts';
import type { KernelFigure, KernelRatio, KernelResult } from './kernel-result.ts';

export const kernelTitle = 'Kernel bench';

const softwareFact: Fact = {
  name: 'Not a GPU',
  value:
    'this adapter is a processor that plays GPU; neither its figures nor their ratios say anything about a graphics card.',
};

export function kernelFacts(result: KernelResult): Fact[] {
  const { environment, devices, peers, text, contexts, rounds, warmUpCalls } = result;
  return [
    ...devices.map(({ threads, device }) => ({
      name: threads === null ? 'Device' : `Device with ${counted(threads)}`,
      value: device,
    })),
    ...(devices.some(({ software }) => software) ? [softwareFact] : []),
    ...peers.map(({ name, version, missing = '' }) => ({
      name: 'Peer',
      value: version === null ? missing : `${name} ${version}`,
    })),
    ...(contexts.length === 0 || text === null
      ? []
      : [{ name: 'Contexts', value: `${text.title} (${text.tokenizer}); ${contexts.map(distinctOf).join(', ')}` }]),
    { name: 'Figures', value: `medians of ${rounds} interleaved rounds after ${warmUpCalls} calls` },
    ...environmentFacts(environment),
    { name: 'Date', value: result.created },
    ...(result.command === undefined ? [] : [{ name: 'To repeat it', value: result.command }]),
  ];
}

/** A table for each bench and thread count. */
export function kernelTables({ figures, ratios }: KernelResult): ReportTable[] {
  return groupsOf(figures).map((group) => benchTable(group, ratios));
}

function counted(threads: number): string {
  return `${threads} thread${threads === 1 ? '' : 's'}`;
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

function benchTable(figures: readonly KernelFigure[], ratios: readonly KernelRatio[]): ReportTable {
  const { bench, threads } = figures[0] as KernelFigure;
  const own = ratios.filter((ratio) => ratio.bench === bench && ratio.threads === threads);
  const notes = figures.flatMap(({ contestant, note }) => (note === undefined ? [] : [`${contestant}: ${note}`]));
  const columns = shownColumns(figures);
  return {
    title: threads === null ? `${bench}; WebGPU` : `${bench}; ${counted(threads)}`,
    notes: [...own.map(ratioLine), ...notes],
    rowHeaders: 1,
    columns: [
      { title: 'contestant', align: 'left' },
      ...columns.map(([title]) => ({ title, align: 'right' as const })),
    ],
    rows: figures.map((figure) => [
      figure.counts ? figure.contestant : `${figure.contestant} *`,
      ...columns.map(([, cell]) => cell(figure)),
    ]),
  };
}

/** Columns by title; a limit and processor time only where some figure has them: browsers have neither. */
function shownColumns(figures: readonly KernelFigure[]): [title: string, cell: (figure: KernelFigure) => string][] {
  const limited = figures.some(({ shareOfLimit }) => shareOfLimit !== null);
  const told = figures.some(({ cpuPerWall }) => cpuPerWall !== null);
  return [
    ['median', ({ medianMs }) => formatMilliseconds(medianMs)],
    ['fastest', ({ fastestMs }) => formatMilliseconds(fastestMs)],
    ['rate', formatRate],
    ...(limited ? [['of the limit', limitShare] satisfies [string, (figure: KernelFigure) => string]] : []),
    ...(told ? [['cpu/wall', processorShare] satisfies [string, (figure: KernelFigure) => string]] : []),
    ['error', ({ error }) => (error === null ? '' : error.toExponential(0))],
  ];
}

function limitShare({ shareOfLimit }: KernelFigure): string {
  return shareOfLimit === null ? '' : `${(100 * shareOfLimit).toFixed(0)} %`;
}

function processorShare({ cpuPerWall }: KernelFigure): string {
  return cpuPerWall === null ? 'not told' : cpuPerWall.toFixed(2);
}

function formatRate({ rate, unit }: KernelFigure): string {
  return `${(rate / 1e9).toPrecision(3)} ${unit === 'flop/s' ? 'GFLOP/s' : 'GB/s'}`;
}

function ratioLine({ ours, other, speed, counts }: KernelRatio): string {
  return `${ours} / ${other}: ${formatRatio(speed)} the speed${counts ? '' : ' *'}`;
}

/** What the columns and marks mean. */
export function kernelLegend({ figures }: KernelResult): Fact[] {
  return [
    { name: 'error', value: 'largest difference from a float64 loop, over its largest number, checked before timing.' },
    ...(figures.every(({ counts }) => counts)
      ? []
      : [
          {
            name: '*',
            value: 'something else ran on the machine (cpu/wall below 0.9 × threads); the figure does not count.',
          },
        ]),
  ];
}
