/** The bench of switching as text for terminals and as one HTML page. Node only. */

import { reportPage } from '../report/page/report-page.ts';
import { tableLines, withoutControls } from '../report/terminal.ts';
import { switchingContent, switchingHeading, switchingIntroduction } from './switching-content.ts';
import type { SwitchingResult } from './switching-result.ts';
import { switchingFacts, switchingTables, switchingTitle } from './switching-tables.ts';

/** The whole report for terminals. */
export function switchingReport(result: SwitchingResult): string {
  const facts = switchingFacts(result).map(({ name, value }) => `${name}: ${value}`);
  return [switchingTitle, ...facts, '', ...switchingTables(result).flatMap(tableLines)].map(withoutControls).join('\n');
}

/** The whole report as one HTML page with charts. */
export async function switchingPage(result: SwitchingResult): Promise<string> {
  return reportPage({
    windowTitle: 'InAttention switching',
    heading: switchingHeading(result),
    introduction: switchingIntroduction,
    content: (document) => switchingContent(document, result),
  });
}
