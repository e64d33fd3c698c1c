/** The bench of chosen positions as text for terminals and as Markdown. */

import { environmentFacts, type Fact } from '../report/facts.ts';
import { markdownFacts, markdownTable } from '../report/markdown.ts';
import type { ReportTable } from '../report/report-table.ts';
import { tableLines, withoutControls } from '../report/terminal.ts';
import { formatBytes, formatMilliseconds, formatRatio, formatTokens } from '../report/units.ts';
import type { LengthRow, PositionsResult, StepKind, StepRow } from './positions-result.ts';

const title = 'Losses of chosen positions';

const kindNames: Readonly<Record<StepKind, string>> = {
  tables: 'chosen, by table row',
  dense: 'chosen, by position',
  full: 'all',
  'full-self': 'all, self-attention',
  short: 'all, of a text of K',
};

/** The whole report for terminals. */
export function positionsReport(result: PositionsResult): string {
  const facts = positionsFacts(result).map(({ name, value }) => `${name}: ${value}`);
  const tables = [timeTable(result), memoryTable(result)].flatMap(tableLines);
  return [title, ...facts, '', ...tables].map(withoutControls).join('\n');
}

/** The whole report as Markdown; ends with a line break. */
export function positionsMarkdown(result: PositionsResult): string {
  const tables = [timeTable(result), memoryTable(result)].map(markdownTable);
  return `${[`# ${title}`, markdownFacts(positionsFacts(result)), ...tables].join('\n\n')}\n`;
}

function positionsFacts(result: PositionsResult): Fact[] {
  const { shape, parameters, window, positions, backend, text, rounds, gemmRate, environment } = result;
  return [
    { name: 'Shape', value: `${shape}, ${parameters.toLocaleString('en-US')} parameters, window w = ${window}` },
    { name: 'Losses of a step', value: `${positions} positions of one text, drawn uniformly (K)` },
    { name: 'Backend', value: `${backend.name} (${backend.device})` },
    { name: 'Product of 512³ in the same run', value: `${(gemmRate / 1e9).toFixed(1)} GFLOP/s` },
    { name: 'Text', value: `${text.title} (${text.tokenizer})` },
    { name: 'Rounds', value: `${rounds}, interleaved, after a step to warm up; medians` },
    ...environmentFacts(environment),
    { name: 'Date', value: result.created },
    { name: 'To repeat it', value: result.command },
  ];
}

function timeTable({ rows, fullUpTo }: PositionsResult): ReportTable {
  return {
    title: 'Time of a step',
    notes: [
      'Loss, gradients, clipping and AdamW. “For K losses”: the step’s time × K / its losses, which is what equal loss terms take.',
      `Losses of all positions are run up to ${formatTokens(fullUpTo)}.`,
    ],
    columns: [
      { title: 'text', align: 'right' },
      { title: 'ids', align: 'right' },
      { title: 'losses', align: 'left' },
      { title: 'of a step', align: 'right' },
      { title: 'step', align: 'right' },
      { title: 'for K losses', align: 'right' },
      { title: 'against by table row', align: 'right' },
    ],
    rows: rows.flatMap((row) => row.steps.map((step) => timeCells(row, step))),
  };
}

function timeCells(row: LengthRow, { kind, lossTerms, stepMs, equalTermsMs }: StepRow): string[] {
  const own = row.steps.find((step) => step.kind === 'tables')?.equalTermsMs ?? null;
  const time = (ms: number | null) => (ms === null ? 'not run' : formatMilliseconds(ms));
  const ratio = own === null || equalTermsMs === null ? '' : formatRatio(equalTermsMs / own);
  const text = [formatTokens(row.length), row.distinct.toLocaleString('en-US'), kindNames[kind]];
  return [...text, lossTerms.toLocaleString('en-US'), time(stepMs), time(equalTermsMs), ratio];
}

function memoryTable({ rows }: PositionsResult): ReportTable {
  return {
    title: 'Peak memory of a step',
    notes: [
      'By the ledger: weights, gradients, both moments, activations, scratch. “Planned” is what planTraining says beforehand, and is not exceeded; it has 16 MiB for the scratch of kernels.',
    ],
    columns: [
      { title: 'text', align: 'right' },
      { title: 'losses', align: 'left' },
      { title: 'peak', align: 'right' },
      { title: 'planned', align: 'right' },
      { title: 'against by table row', align: 'right' },
    ],
    rows: rows.flatMap((row) => {
      const own = row.steps.find((step) => step.kind === 'tables');
      return row.steps.map(({ kind, peakBytes, plannedBytes }) => [
        formatTokens(row.length),
        kindNames[kind],
        peakBytes === null ? 'not run' : formatBytes(peakBytes),
        formatBytes(plannedBytes),
        formatRatio((peakBytes ?? plannedBytes) / (own?.peakBytes ?? own?.plannedBytes ?? Number.NaN)),
      ]);
    }),
  };
}
