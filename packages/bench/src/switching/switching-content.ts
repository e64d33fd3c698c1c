/** What the bench of switching found below its heading: facts, charts, tables, for any document. */

import { factList, tableSection } from '../report/page/report-parts.ts';
import type { SwitchingResult } from './switching-result.ts';
import { switchingFacts, switchingTables, switchingTitle } from './switching-tables.ts';

export const switchingIntroduction =
  'Loss of a model on a text that it does not see in training, with layers of self-attention switched to InAttention: each alone, all up to one, and one after another with some training after each.';

export function switchingHeading({ interrupted }: SwitchingResult): string {
  return `${switchingTitle}${interrupted === undefined ? '' : ', interrupted'}`;
}

/** The elements, made by `document` and not yet in it. */
export async function switchingContent(document: Document, result: SwitchingResult): Promise<Element[]> {
  const { switchingCharts } = await import('./switching-chart.ts');
  return [
    factList(document, switchingFacts(result), result.command),
    ...switchingCharts(document, result),
    ...switchingTables(result).flatMap((table) => tableSection(document, table)),
  ];
}
