/**
 * A sweep below its heading: facts, charts, tables, remarks. The same nodes in the command line's page and in the bench page;
 * Observable Plot is loaded when there is a chart to draw.
 */

import type { SweepResult } from '../../result.ts';
import { remarks, runFacts } from '../facts.ts';
import { planReport, reportTables } from '../report-table.ts';
import { charts } from './chart-series.ts';
import { element } from './element.ts';
import { factList, lineList, tableSection } from './report-parts.ts';

export const sweepIntroduction =
  'InAttention in each context mode against “self”, the self-attention model of the same size with KV cache and tiled attention, measured in turn in one run.';

export function sweepHeading({ shape, dtype, interrupted }: SweepResult): string {
  return `Context sweep: ${shape}, ${dtype}${interrupted === undefined ? '' : ', interrupted'}`;
}

/** The elements, made by `document` and not yet in it. */
export async function sweepContent(document: Document, result: SweepResult): Promise<Element[]> {
  const make = element.bind(null, document);
  const drawn = charts(result).filter(({ points }) => points.length > 0);
  return [
    factList(document, runFacts(result), result.command),
    ...(drawn.length === 0 ? [] : await chartSection(document, drawn)),
    ...reportTables(result).flatMap((table) => tableSection(document, table)),
    ...remarks(result).flatMap(({ title, lines }) => [make('h2', {}, [title]), lineList(document, lines)]),
    ...tableSection(document, planReport(result)),
  ];
}

async function chartSection(document: Document, drawn: ReturnType<typeof charts>): Promise<Element[]> {
  const { chartFigure } = await import('./chart-figure.ts');
  const make = element.bind(null, document);
  return [
    make('h2', {}, ['Charts']),
    make('p', { class: 'note' }, [
      'Both axes are logarithmic. Filled and solid: measured. Hollow and dashed: planned, or extrapolated by the formulas below. The tables have the same figures.',
    ]),
    make(
      'div',
      { class: 'charts' },
      drawn.map((chart) => chartFigure(document, chart)),
    ),
  ];
}
