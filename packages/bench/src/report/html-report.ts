/**
 * A sweep as one self-contained HTML page: charts, tables, how to repeat it. It opens from a file, loads nothing and
 * runs no script; its policy says so. Node only; linkedom and Observable Plot are loaded when a report is made.
 */

import { createHash } from 'node:crypto';
import type { SweepResult } from '../result.ts';
import { remarks, runFacts } from './facts.ts';
import { charts } from './page/chart-series.ts';
import { element } from './page/element.ts';
import { style } from './page/style.ts';
import { tableElement } from './page/table-element.ts';
import { planReport, type ReportTable, reportTables } from './report-table.ts';

/** The page, as text. */
export async function htmlReport(result: SweepResult): Promise<string> {
  const [{ parseHTML }, { chartFigure }] = await Promise.all([import('linkedom'), import('./page/chart-figure.ts')]);
  const { document } = parseHTML('<!doctype html><html lang="en"><head></head><body></body></html>');
  const make = element.bind(null, document);
  const title = `Context sweep: ${result.shape}, ${result.dtype}${result.interrupted === undefined ? '' : ', interrupted'}`;
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  document.head.append(
    make('meta', { charset: 'utf-8' }),
    make('meta', { 'http-equiv': 'Content-Security-Policy', content: policy }),
    make('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    // A fixed title: linkedom writes the text of <title> as it is, as it does that of <style>.
    make('title', {}, ['InAttention context sweep']),
    make('style', {}, [style]),
  );
  const drawn = charts(result).filter(({ points }) => points.length > 0);
  document.body.append(
    make('header', {}, [
      make('h1', {}, [title]),
      make('p', {}, [
        'InAttention in each context mode against “self”, the self-attention model of the same size with KV cache and tiled attention, measured in turn in one run.',
      ]),
    ]),
    make('main', {}, [
      facts(document, result),
      make('h2', {}, ['Charts']),
      make('p', { class: 'note' }, [
        'Both axes are logarithmic. Filled and solid: measured. Hollow and dashed: planned, or extrapolated by the formulas below. The tables have the same figures.',
      ]),
      make(
        'div',
        { class: 'charts' },
        drawn.map((chart) => chartFigure(document, chart)),
      ),
      ...reportTables(result).flatMap((table) => section(document, table)),
      ...remarks(result).flatMap(({ title: name, lines }) => [make('h2', {}, [name]), list(document, lines)]),
      ...section(document, planReport(result)),
    ]),
  );
  return `<!doctype html>\n${document.documentElement.outerHTML}\n`;
}

function facts(document: Document, result: SweepResult): Element {
  const make = element.bind(null, document);
  return make(
    'dl',
    {},
    runFacts(result).flatMap(({ name, value }) => [
      make('dt', {}, [name]),
      make('dd', {}, [value === result.command ? make('code', {}, [value]) : value]),
    ]),
  );
}

function section(document: Document, table: ReportTable): Element[] {
  return [
    element(document, 'h2', {}, [table.title]),
    element(document, 'div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': table.title }, [
      tableElement(document, table),
    ]),
    list(document, table.notes, 'notes'),
  ];
}

function list(document: Document, lines: readonly string[], name?: string): Element {
  const items = lines.map((line) => element(document, 'li', {}, [line]));
  return element(document, 'ul', name === undefined ? {} : { class: name }, items);
}
