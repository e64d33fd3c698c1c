/** A sweep as one self-contained HTML page: charts, tables, how to repeat it. Node only. */

import type { SweepResult } from '../result.ts';
import { reportPage } from './page/report-page.ts';
import { sweepContent, sweepHeading, sweepIntroduction } from './page/sweep-content.ts';

/** The page, as text. */
export async function htmlReport(result: SweepResult): Promise<string> {
  return reportPage({
    windowTitle: 'InAttention context sweep',
    heading: sweepHeading(result),
    introduction: sweepIntroduction,
    content: (document) => sweepContent(document, result),
  });
}
