/**
 * A sweep as one self-contained HTML page: charts, tables, how to repeat it. Node only; Observable Plot is loaded when a
 * report is made.
 */

import type { SweepResult } from '../result.ts';
import { remarks, runFacts } from './facts.ts';
import { charts } from './page/chart-series.ts';
import { element } from './page/element.ts';
import { factList, lineList, reportPage, tableSection } from './page/report-page.ts';
import { planReport, reportTables } from './report-table.ts';

/** The page, as text. */
export async function htmlReport(result: SweepResult): Promise<string> {
  const { chartFigure } = await import('./page/chart-figure.ts');
  const drawn = charts(result).filter(({ points }) => points.length > 0);
  return reportPage({
    windowTitle: 'InAttention context sweep',
    heading: `Context sweep: ${result.shape}, ${result.dtype}${result.interrupted === undefined ? '' : ', interrupted'}`,
    introduction:
      'InAttention in each context mode against “self”, the self-attention model of the same size with KV cache and tiled attention, measured in turn in one run.',
    content(document) {
      const make = element.bind(null, document);
      return [
        factList(document, runFacts(result), result.command),
        make('h2', {}, ['Charts']),
        make('p', { class: 'note' }, [
          'Both axes are logarithmic. Filled and solid: measured. Hollow and dashed: planned, or extrapolated by the formulas below. The tables have the same figures.',
        ]),
        make(
          'div',
          { class: 'charts' },
          drawn.map((chart) => chartFigure(document, chart)),
        ),
        ...reportTables(result).flatMap((table) => tableSection(document, table)),
        ...remarks(result).flatMap(({ title, lines }) => [make('h2', {}, [title]), lineList(document, lines)]),
        ...tableSection(document, planReport(result)),
      ];
    },
  });
}
