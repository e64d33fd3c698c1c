/** A sweep as Markdown, for a README or an issue. */

import type { SweepResult } from '../result.ts';
import { type Fact, remarks, runFacts } from './facts.ts';
import { planReport, type ReportTable, reportTables } from './report-table.ts';

/** The whole report; ends with a line break. */
export function markdownReport(result: SweepResult): string {
  const parts = [
    '# Context sweep',
    markdownFacts(runFacts(result)),
    ...reportTables(result).map(markdownTable),
    ...remarks(result).map(({ title, lines }) =>
      [`## ${plain(title)}`, lines.map((line) => `- ${plain(line)}`).join('\n')].join('\n\n'),
    ),
    markdownTable(planReport(result)),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** Facts as a list. */
export function markdownFacts(facts: readonly Fact[]): string {
  return facts.map(({ name, value }) => `- ${plain(name)}: ${plain(value)}`).join('\n');
}

/** A table under its title, its notes below. */
export function markdownTable({ title, notes, columns, rows }: ReportTable): string {
  const line = (cells: readonly string[]) => `| ${cells.map(plain).join(' | ')} |`;
  const table = [
    line(columns.map((column) => column.title)),
    `| ${columns.map(({ align }) => (align === 'right' ? '--:' : ':--')).join(' | ')} |`,
    ...rows.map(line),
  ];
  return [`## ${plain(title)}`, table.join('\n'), ...notes.map(plain)].join('\n\n');
}

/** Text that Markdown reads as nothing but text, on one line. */
function plain(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>|#&~]/g, '\\$&');
}
