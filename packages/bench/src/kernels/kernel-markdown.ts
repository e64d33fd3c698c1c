/** The kernel bench as Markdown. */

import { markdownFacts, markdownTable } from '../report/markdown.ts';
import type { KernelResult } from './kernel-result.ts';
import { kernelFacts, kernelLegend, kernelTables, kernelTitle } from './kernel-tables.ts';

/** The whole report; ends with a line break. */
export function kernelMarkdown(result: KernelResult): string {
  const tables = kernelTables(result).map(markdownTable);
  const marks = markdownFacts(kernelLegend(result));
  return `${[`# ${kernelTitle}`, markdownFacts(kernelFacts(result)), ...tables, marks].join('\n\n')}\n`;
}
