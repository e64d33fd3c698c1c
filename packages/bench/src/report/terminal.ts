/** A sweep as tables of text for terminals. */

import Table from 'cli-table3';
import type { SweepResult } from '../result.ts';
import { remarks, runFacts } from './facts.ts';
import { planReport, type ReportTable, reportTables } from './report-table.ts';

/** The whole report. */
export function terminalReport(result: SweepResult): string {
  const facts = runFacts(result).map(({ name, value }) => `${name}: ${value}`);
  const lists = remarks(result).flatMap(({ title, lines }) => [`${title}:`, ...lines.map((line) => `  ${line}`)]);
  return [
    'Context sweep',
    ...facts,
    '',
    ...reportTables(result).flatMap(tableLines),
    ...lists,
    ...(lists.length === 0 ? [] : ['']),
    ...tableLines(planReport(result)),
  ]
    .map(withoutControls)
    .join('\n');
}

/** A table of text between its title and its notes; an empty line ends it. */
export function tableLines({ title, notes, columns, rows }: ReportTable): string[] {
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
export function withoutControls(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, '\uFFFD');
}
