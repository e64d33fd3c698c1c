/** The quality bench as text for terminals and as one HTML page. Node only. */

import { reportPage } from '../report/page/report-page.ts';
import { tableLines, withoutControls } from '../report/terminal.ts';
import { qualityContent, qualityHeading, qualityIntroduction } from './quality-content.ts';
import type { QualityResult } from './quality-result.ts';
import { qualityFacts, qualityTables, qualityTitle } from './quality-tables.ts';

/** The whole report for terminals. */
export function qualityReport(result: QualityResult): string {
  const facts = qualityFacts(result).map(({ name, value }) => `${name}: ${value}`);
  return [qualityTitle, ...facts, '', ...qualityTables(result).flatMap(tableLines)].map(withoutControls).join('\n');
}

/** The whole report as one HTML page, with a chart of loss against context length where there is one to draw. */
export async function qualityPage(result: QualityResult): Promise<string> {
  return reportPage({
    windowTitle: 'InAttention quality',
    heading: qualityHeading(result),
    introduction: qualityIntroduction,
    content: (document) => qualityContent(document, result),
  });
}
