/** A sweep's report as elements of the page, built node by node: no text becomes markup. */

import { type ReportTable, remarks, reportTables, runFacts, type SweepResult } from '@inattention/bench';

/** Facts, tables and remarks of a result. */
export function resultElements(result: SweepResult): HTMLElement[] {
  const facts = runFacts(result).map(({ name, value }) => `${name}: ${value}`);
  return [
    list(facts),
    ...reportTables(result).flatMap((table) => [tableElement(table), list(table.notes)]),
    ...remarks(result).flatMap(({ title, lines }) => [withText('h2', title), list(lines)]),
  ];
}

function tableElement({ title, columns, rows }: ReportTable): HTMLTableElement {
  const table = document.createElement('table');
  table.createCaption().textContent = title;
  const head = table.createTHead().insertRow();
  for (const column of columns) {
    const cell = withText('th', column.title);
    cell.setAttribute('scope', 'col');
    head.append(cell);
  }
  const body = table.createTBody();
  for (const cells of rows) {
    const row = body.insertRow();
    for (const text of cells) row.insertCell().textContent = text;
  }
  return table;
}

function list(lines: readonly string[]): HTMLElement {
  const made = document.createElement('ul');
  made.append(...lines.map((line) => withText('li', line)));
  return made;
}

function withText(name: string, text: string): HTMLElement {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
