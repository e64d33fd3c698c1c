/** The bench of switching as Markdown. */

import { markdownFacts, markdownTable } from '../report/markdown.ts';
import type { SwitchingResult } from './switching-result.ts';
import { switchingFacts, switchingTables, switchingTitle } from './switching-tables.ts';

/** The whole report; ends with a line break. */
export function switchingMarkdown(result: SwitchingResult): string {
  const tables = switchingTables(result).map(markdownTable);
  return `${[`# ${switchingTitle}`, markdownFacts(switchingFacts(result)), ...tables].join('\n\n')}\n`;
}
