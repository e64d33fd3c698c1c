/** The quality bench as text for terminals, as Markdown, and as one HTML page. The page is Node only. */

import { markdownFacts, markdownTable } from '../report/markdown.ts';
import { tableLines, withoutControls } from '../report/terminal.ts';
import type { QualityResult } from './quality-result.ts';
import { qualityFacts, qualityTables, qualityTitle } from './quality-tables.ts';

/** The whole report for terminals. */
export function qualityReport(result: QualityResult): string {
  const facts = qualityFacts(result).map(({ name, value }) => `${name}: ${value}`);
  return [qualityTitle, ...facts, '', ...qualityTables(result).flatMap(tableLines)].map(withoutControls).join('\n');
}

/** The whole report as Markdown; ends with a line break. */
export function qualityMarkdown(result: QualityResult): string {
  const tables = qualityTables(result).map(markdownTable);
  return `${[`# ${qualityTitle}`, markdownFacts(qualityFacts(result)), ...tables].join('\n\n')}\n`;
}

/** The whole report as one HTML page, with a chart of loss against context length where there is one to draw. */
export async function qualityPage(result: QualityResult): Promise<string> {
  const [{ lossChart }, { reportPage, factList, tableSection }] = await Promise.all([
    import('./loss-chart.ts'),
    import('../report/page/report-page.ts'),
  ]);
  return reportPage({
    windowTitle: 'InAttention quality',
    heading: `${qualityTitle}${result.interrupted === undefined ? '' : ', interrupted'}`,
    introduction:
      'How well models foresee text, what more context is worth to them, and what they can look up in it: InAttention beside self-attention of the same size.',
    content(document) {
      const chart = lossChart(document, result.contextLoss?.rows ?? []);
      return [
        factList(document, qualityFacts(result), result.command),
        ...(chart === null ? [] : [chart]),
        ...qualityTables(result).flatMap((table) => tableSection(document, table)),
      ];
    },
  });
}
