/** The agreement bench in plain cells and sentences: one definition for Markdown and pages. */

import { environmentFacts, type Fact } from '../report/facts.ts';
import type { ReportColumn, ReportTable } from '../report/report-table.ts';
import type { AgreementResult, AgreementRun } from './agreement-result.ts';

export const agreementTitle = 'Agreement';

export function agreementFacts(result: AgreementResult): Fact[] {
  const { model, text, reference, environment, interrupted, created } = result;
  return [
    ...(interrupted === undefined
      ? []
      : [{ name: 'Interrupted', value: `${interrupted} What follows was compared before.` }]),
    {
      name: 'Model',
      value: `${model.name}, ${count(model.parameters)} parameters, vocabulary of ${count(model.vocabSize)}`,
    },
    { name: 'Text', value: `${text.name}, ${count(text.tokens)} tokens` },
    { name: 'Reference', value: runName(reference) },
    ...environmentFacts(environment),
    { name: 'Date', value: created },
  ];
}

export function agreementTables(result: AgreementResult): ReportTable[] {
  return [agreementTable(result), disagreementTable(result)].filter(({ rows }) => rows.length > 0);
}

function agreementTable({ rows }: AgreementResult): ReportTable {
  return {
    title: 'The most likely next token, after every token of the text',
    notes: [
      'Every run is given the same tokens one by one, whatever it would have said itself. “difference”: the largest |logit − reference| over the largest |logit| of the reference at that position.',
    ],
    columns: [left('backend'), left('context mode'), right('agreed'), right('of'), right('share'), right('difference')],
    rows: rows.map((row) => [
      backendName(row),
      row.mode,
      count(row.agreed),
      count(row.positions),
      row.positions === 0 ? '' : `${((100 * row.agreed) / row.positions).toFixed(2)} %`,
      row.largestDifference.toExponential(1),
    ]),
  };
}

function disagreementTable({ rows }: AgreementResult): ReportTable {
  return {
    title: 'Where they disagree',
    notes: [
      'The first places. “margin”: by how much the reference prefers its own token, over its largest |logit| there; a margin below the difference above is a tie that rounding breaks.',
    ],
    columns: [
      left('backend'),
      left('context mode'),
      right('after token'),
      right('reference'),
      right('this'),
      right('margin'),
    ],
    rows: rows.flatMap((row) =>
      row.disagreements.map(({ position, expectedId, gotId, margin }) => [
        backendName(row),
        row.mode,
        count(position),
        String(expectedId),
        String(gotId),
        margin.toExponential(1),
      ]),
    ),
  };
}

function runName(run: AgreementRun): string {
  return `${run.backend} (${run.device}), mode ${run.mode}`;
}

function backendName({ backend, software }: AgreementRun): string {
  return software ? `${backend} (software adapter)` : backend;
}

function left(title: string): ReportColumn {
  return { title, align: 'left' };
}

function right(title: string): ReportColumn {
  return { title, align: 'right' };
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
