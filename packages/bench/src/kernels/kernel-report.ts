/** The kernel bench as text for terminals. Node only. */

import { tableLines, withoutControls } from '../report/terminal.ts';
import type { KernelResult } from './kernel-result.ts';
import { kernelFacts, kernelLegend, kernelTables, kernelTitle } from './kernel-tables.ts';

/** The whole report: the run's facts, a table for each bench and thread count, and what the marks mean. */
export function kernelReport(result: KernelResult): string {
  const sentences = ({ name, value }: { readonly name: string; readonly value: string }) => `${name}: ${value}`;
  const lines = [
    kernelTitle,
    ...kernelFacts(result).map(sentences),
    '',
    ...kernelTables(result).flatMap(tableLines),
    ...kernelLegend(result).map(sentences),
  ];
  return `${lines.map(withoutControls).join('\n')}\n`;
}
