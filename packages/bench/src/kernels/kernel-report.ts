/** The kernel bench as text for terminals and as Markdown. */

import { environmentFacts, type Fact } from '../report/facts.ts';
import { markdownFacts, markdownTable } from '../report/markdown.ts';
import type { ReportTable } from '../report/report-table.ts';
import { tableLines, withoutControls } from '../report/terminal.ts';
import { formatMilliseconds, formatRatio } from '../report/units.ts';
import type { KernelFigure, KernelRatio, KernelResult } from './kernel-result.ts';

const title = 'Kernel bench';

const softwareFact: Fact = {
  name: 'Not a GPU',
  value:
    'this adapter is a processor that plays GPU; neither its figures nor their ratios say anything about a graphics card.',
};

/** The whole report for terminals: the run's facts, a table for each bench and thread count, and what the marks mean. */
export function kernelReport(result: KernelResult): string {
  const facts = kernelFacts(result).map(({ name, value }) => `${name}: ${value}`);
  const tables = groupsOf(result.figures).map((figures) => benchTable(figures, result.ratios));
  const lines = [title, ...facts, '', ...tables.flatMap(tableLines), ...legend(result.figures)];
  return `${lines.map(withoutControls).join('\n')}\n`;
}

/** The whole report as Markdown; ends with a line break. */
export function kernelMarkdown(result: KernelResult): string {
  const tables = groupsOf(result.figures).map((figures) => benchTable(figures, result.ratios));
  const marks = markdownFacts(legendFacts(result.figures));
  return `${[`# ${title}`, markdownFacts(kernelFacts(result)), ...tables.map(markdownTable), marks].join('\n\n')}\n`;
}

function kernelFacts(result: KernelResult): Fact[] {
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
    ...(contexts.length === 0
      ? []
      : [{ name: 'Contexts', value: `${text.title} (${text.tokenizer}); ${contexts.map(distinctOf).join(', ')}` }]),
    { name: 'Figures', value: `medians of ${rounds} interleaved rounds after ${warmUpCalls} calls` },
    ...environmentFacts(environment),
    { name: 'Date', value: result.created },
    ...(result.command === undefined ? [] : [{ name: 'To repeat it', value: result.command }]),
  ];
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
  const numbers = ['median', 'fastest', 'rate', 'of the limit', 'cpu/wall', 'error'];
  return {
    title: threads === null ? `${bench}; WebGPU` : `${bench}; ${counted(threads)}`,
    notes: [...own.map(ratioLine), ...notes],
    columns: [{ title: '', align: 'left' }, ...numbers.map((name) => ({ title: name, align: 'right' as const }))],
    rows: figures.map(row),
  };
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
  return legendFacts(figures).map(({ name, value }) => `${name}: ${value}`);
}

function legendFacts(figures: readonly KernelFigure[]): Fact[] {
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
