/** A report's table as an HTML table. */

import type { ReportTable } from '../report-table.ts';
import { element } from './element.ts';

/** The table with its caption; rows of one group say its name once and start with a rule (class `group`). */
export function tableElement(document: Document, { title, columns, rows, rowHeaders = 2 }: ReportTable): Element {
  const make = element.bind(null, document);
  const head = columns.map((column) => make('th', { scope: 'col', class: column.align }, [column.title]));
  let group: string | undefined;
  const body = rows.map((cells) => {
    const starts = cells[0] !== group;
    [group] = cells;
    const parts = cells.map((cell, place) => {
      const align = columns[place]?.align ?? 'left';
      if (place < rowHeaders)
        return make('th', { scope: 'row', class: place === 0 && !starts ? `${align} again` : align }, [cell]);
      return make('td', { class: cell.startsWith('~') ? `${align} extrapolated` : align }, [cell]);
    });
    return make('tr', starts ? { class: 'group' } : {}, parts);
  });
  return make('table', {}, [
    make('caption', {}, [title]),
    make('thead', {}, [make('tr', {}, head)]),
    make('tbody', {}, body),
  ]);
}
