/** A sweep's rows as an HTML table, built node by node: no text becomes markup. */

import {
  formatBytes,
  formatMilliseconds,
  formatRatio,
  formatTokens,
  type SweepResult,
  type SweepRow,
  type Timing,
} from '@inattention/bench';

const columns = ['tokens', 'variant', 'context', 'table', 'peak', 'first token', 'vs self', 'warm', 'decode per token'];

export function resultTable(result: SweepResult): HTMLTableElement {
  const table = document.createElement('table');
  table.createCaption().textContent = `Shape ${result.shape}, ${result.dtype} contexts, ${result.backend} (${result.device}). ~ marks extrapolated figures.`;
  const head = table.createTHead().insertRow();
  for (const column of columns) {
    const cell = document.createElement('th');
    cell.scope = 'col';
    cell.textContent = column;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const row of result.rows) {
    const cells = body.insertRow();
    for (const text of cellTexts(row, result)) cells.insertCell().textContent = text;
    if (row.refused !== undefined) cells.title = row.refused;
  }
  return table;
}

function cellTexts(row: SweepRow, { rows }: SweepResult): string[] {
  const self = rows.find(({ tokens, variant }) => tokens === row.tokens && variant === 'self')?.timeToFirstToken;
  const ratio =
    self && row.timeToFirstToken && row.variant !== 'self'
      ? (self.extrapolated === undefined ? '' : '~') + formatRatio(self.median / row.timeToFirstToken.median)
      : '';
  return [
    formatTokens(row.tokens),
    row.variant,
    formatBytes(row.contextBytes),
    row.tableBytes === 0 ? '' : formatBytes(row.tableBytes),
    row.peakBytes === null ? '' : formatBytes(row.peakBytes),
    timing(row.timeToFirstToken, row),
    ratio,
    timing(row.timeToFirstTokenWarm, row),
    timing(row.decode, row),
  ];
}

function timing(value: Timing | null, row: SweepRow): string {
  if (value === null) return row.refused === undefined ? '' : 'refused';
  return (value.extrapolated === undefined ? '' : '~') + formatMilliseconds(value.median);
}
