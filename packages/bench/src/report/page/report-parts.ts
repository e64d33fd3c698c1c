/** Parts that every report is made of, for whatever document: the one of a page in a browser, or of a page that is written. */

import type { Fact } from '../facts.ts';
import type { ReportTable } from '../report-table.ts';
import { element } from './element.ts';
import { tableElement } from './table-element.ts';

/** Facts as a list; the value that is `command` is set as code. */
export function factList(document: Document, facts: readonly Fact[], command?: string): Element {
  const make = element.bind(null, document);
  return make(
    'dl',
    {},
    facts.flatMap(({ name, value }) => [
      make('dt', {}, [name]),
      make('dd', {}, [value === command ? make('code', {}, [value]) : value]),
    ]),
  );
}

/** A table under its title, its notes below. */
export function tableSection(document: Document, table: ReportTable): Element[] {
  return [
    element(document, 'h2', {}, [table.title]),
    element(document, 'div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': table.title }, [
      tableElement(document, table),
    ]),
    lineList(document, table.notes, 'notes'),
  ];
}

export function lineList(document: Document, lines: readonly string[], name?: string): Element {
  const items = lines.map((line) => element(document, 'li', {}, [line]));
  return element(document, 'ul', name === undefined ? {} : { class: name }, items);
}
