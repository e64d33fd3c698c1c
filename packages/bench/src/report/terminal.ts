/** A sweep as tables of text for terminals. */

import Table from 'cli-table3';
import type { SweepResult } from '../result.ts';
import { remarks, runFacts } from './facts.ts';
import { lengthTable, memoryTable, planReport, type ReportTable, timeTable } from './report-table.ts';

/** The whole report. */
export function terminalReport(result: SweepResult): string {
  const facts = runFacts(result).map(({ name, value }) => `${name}: ${value}`);
  const lists = remarks(result).flatMap(({ title, lines }) => [`${title}:`, ...lines.map((line) => `  ${line}`)]);
  return [
    'Context sweep',
    ...facts,
    '',
    ...section(memoryTable(result)),
    ...section(timeTable(result)),
    ...section(lengthTable(result)),
    ...lists,
    ...(lists.length === 0 ? [] : ['']),
    ...section(planReport(result)),
  ]
    .map(withoutControls)
    .join('\n');
}

function section({ title, notes, columns, rows }: ReportTable): string[] {
  const table = new Table({
    head: columns.map((column) => column.title),
    colAligns: columns.map(({ align }) => align),
    style: { head: [], border: [], compact: true },
  });
  let group = '';
  for (const [first = '', ...rest] of rows) {
    // Rows of one group say its name once.
    table.push([first === group ? '' : first, ...rest]);
    group = first;
  }
  return [title, table.toString(), ...notes, ''];
}

/** Text of a result file never reaches the terminal as control sequences. */
function withoutControls(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, '\uFFFD');
}
