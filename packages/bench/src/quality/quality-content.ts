/**
 * What the quality bench found below its heading: facts, loss against context length, tables. The same nodes in the command
 * line's page and in the bench page.
 */

import { factList, tableSection } from '../report/page/report-parts.ts';
import type { QualityResult } from './quality-result.ts';
import { qualityFacts, qualityTables, qualityTitle } from './quality-tables.ts';

export const qualityIntroduction =
  'How well models foresee text, what more context is worth to them, and what they can look up in it: InAttention beside self-attention of the same size.';

export function qualityHeading({ interrupted }: QualityResult): string {
  return `${qualityTitle}${interrupted === undefined ? '' : ', interrupted'}`;
}

/** The elements, made by `document` and not yet in it. */
export async function qualityContent(document: Document, result: QualityResult): Promise<Element[]> {
  const chart = await chartOf(document, result);
  return [
    factList(document, qualityFacts(result), result.command),
    ...(chart === null ? [] : [chart]),
    ...qualityTables(result).flatMap((table) => tableSection(document, table)),
  ];
}

async function chartOf(document: Document, { contextLoss }: QualityResult): Promise<Element | null> {
  if (contextLoss === null) return null;
  const { lossChart } = await import('./loss-chart.ts');
  return lossChart(document, contextLoss.rows);
}
