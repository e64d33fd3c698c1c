/** The quality bench as Markdown. */

import { markdownFacts, markdownTable } from '../report/markdown.ts';
import type { QualityResult } from './quality-result.ts';
import { qualityFacts, qualityTables, qualityTitle } from './quality-tables.ts';

/** The whole report; ends with a line break. */
export function qualityMarkdown(result: QualityResult): string {
  const tables = qualityTables(result).map(markdownTable);
  return `${[`# ${qualityTitle}`, markdownFacts(qualityFacts(result)), ...tables].join('\n\n')}\n`;
}
