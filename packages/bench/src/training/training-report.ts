/** The bench of a training step as text for terminals and as Markdown. */

import { environmentFacts, type Fact } from '../report/facts.ts';
import { markdownFacts, markdownTable } from '../report/markdown.ts';
import type { ReportTable } from '../report/report-table.ts';
import { tableLines, withoutControls } from '../report/terminal.ts';
import { formatMilliseconds, formatRatio } from '../report/units.ts';
import type { StepFigure, TrainingResult } from './training-result.ts';

const title = 'A training step';

/** The whole report for terminals. */
export function trainingReport(result: TrainingResult): string {
  const facts = trainingFacts(result).map(({ name, value }) => `${name}: ${value}`);
  const tables = stepTables(result).flatMap(tableLines);
  return `${[title, ...facts, '', ...tables].map(withoutControls).join('\n')}\n`;
}

/** The whole report as Markdown; ends with a line break. */
export function trainingMarkdown(result: TrainingResult): string {
  return `${[`# ${title}`, markdownFacts(trainingFacts(result)), ...stepTables(result).map(markdownTable)].join('\n\n')}\n`;
}

function trainingFacts(result: TrainingResult): Fact[] {
  const { shape, texts, length, rounds, warmUpSteps, devices, gemm, peers, environment, command } = result;
  return [
    {
      name: 'Model',
      value: `${shape.numHiddenLayers} layers, D ${shape.hiddenSize}, F ${shape.intermediateSize}, ${shape.numAttentionHeads} heads, vocabulary ${shape.vocabSize}, rotary positions`,
    },
    { name: 'Step', value: `${texts} texts of ${length} tokens: forward, backward, AdamW; the loss is read` },
    ...devices.map(({ threads, device }) => ({ name: `Device with ${counted(threads)}`, value: device })),
    ...gemm.map(({ threads, flopRate }) => ({
      name: `A product of 512³ with ${counted(threads)}`,
      value: gigaflops(flopRate),
    })),
    ...peers.map(({ name, version, missing = '' }) => ({
      name: 'Peer',
      value: version === null ? missing : `${name} ${version}, one thread`,
    })),
    {
      name: 'Figures',
      value: `medians of ${rounds} interleaved rounds after ${warmUpSteps} steps; shares and speeds are medians of the rounds' own`,
    },
    { name: 'Operations of a step', value: result.flopsFormula },
    ...environmentFacts(environment),
    { name: 'Date', value: result.created },
    { name: 'To repeat it', value: command },
  ];
}

/** A table for each window. */
function stepTables({ figures, ratios, flops }: TrainingResult): ReportTable[] {
  return flops.map(({ window, flops: count }) => {
    const own = figures.filter((figure) => figure.window === window);
    const speeds = ratios.filter((ratio) => ratio.window === window);
    const notes = own.flatMap(({ contestant, note }) => (note === undefined ? [] : [`${contestant}: ${note}.`]));
    const numbers = ['step', 'fastest', 'tokens/s', 'GFLOP/s', 'of the product', 'cpu/wall'];
    return {
      title: `w = ${window}: ${(count / 1e9).toPrecision(3)} GFLOP`,
      notes: [
        ...speeds.map(
          ({ other, threads, speed }) => `${formatRatio(speed)} the speed of ${other}, ours with ${counted(threads)}.`,
        ),
        ...notes,
      ],
      columns: [{ title: '', align: 'left' }, ...numbers.map((name) => ({ title: name, align: 'right' as const }))],
      rows: own.map(figureRow),
    };
  });
}

function figureRow(figure: StepFigure): string[] {
  const { contestant, threads, medianMs, fastestMs, tokensPerSecond, flopRate, shareOfGemm, cpuPerWall } = figure;
  return [
    `${contestant}, ${counted(threads)}`,
    formatMilliseconds(medianMs),
    formatMilliseconds(fastestMs),
    Math.round(tokensPerSecond).toLocaleString('en-US'),
    (flopRate / 1e9).toPrecision(3),
    shareOfGemm === null ? '' : `${(100 * shareOfGemm).toFixed(0)} %`,
    cpuPerWall === null ? '' : cpuPerWall.toFixed(2),
  ];
}

function gigaflops(rate: number): string {
  return `${(rate / 1e9).toPrecision(3)} GFLOP/s`;
}

function counted(threads: number): string {
  return `${threads} thread${threads === 1 ? '' : 's'}`;
}
