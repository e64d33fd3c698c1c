/** A sweep as tables of text. `~` marks extrapolated figures; their formulas are listed below. */

import Table from 'cli-table3';
import type { PlanTableRow, SweepResult, SweepRow, Timing } from '../result.ts';
import { formatBytes, formatMilliseconds, formatRatio, formatTokens } from './units.ts';

/** The whole report. */
export function terminalReport(result: SweepResult): string {
  return [headline(result), sweepTable(result), notes(result), planSection(result.plan)].join('\n');
}

function headline(result: SweepResult): string {
  const { parameters, weightBytes, text, warmUpText } = result;
  const share = (100 * (parameters.inattention / parameters.self - 1)).toFixed(1);
  return [
    `Context sweep: shape ${result.shape}, ${result.dtype} contexts, backend ${result.backend} (${result.device})`,
    `InAttention (w = ${result.window}): ${parameters.inattention.toLocaleString('en-US')} parameters, ${formatBytes(weightBytes.inattention)}; ` +
      `self-attention: ${parameters.self.toLocaleString('en-US')} parameters, ${formatBytes(weightBytes.self)} (${share} % fewer)`,
    `Text: ${text.title} (${text.licence}), ${text.tokenizer}; warm tables have served ${warmUpText.title}`,
    '',
  ].join('\n');
}

function sweepTable(result: SweepResult): string {
  const table = new Table({
    head: [
      'tokens',
      'variant',
      'context',
      'table',
      'peak',
      'first token',
      'vs self',
      'warm',
      'vs self',
      'decode/token',
    ],
    colAligns: ['right', 'left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  let tokens = -1;
  for (const row of result.rows) {
    const self = result.rows.find((other) => other.tokens === row.tokens && other.variant === 'self');
    const start = row.tokens === tokens ? '' : formatTokens(row.tokens);
    tokens = row.tokens;
    table.push([
      start,
      row.variant,
      formatBytes(row.contextBytes),
      row.tableBytes === 0 ? '' : formatBytes(row.tableBytes),
      row.peakBytes === null ? '' : formatBytes(row.peakBytes),
      timing(row.timeToFirstToken, row),
      speedUp(self?.timeToFirstToken, row.timeToFirstToken, row),
      timing(row.timeToFirstTokenWarm, row),
      speedUp(self?.timeToFirstToken, row.timeToFirstTokenWarm, row),
      timing(row.decode, row),
    ]);
  }
  return table.toString();
}

function timing(value: Timing | null, row: SweepRow): string {
  if (value === null) return row.refused === undefined ? '' : 'refused';
  return (value.extrapolated === undefined ? '' : '~') + formatMilliseconds(value.median);
}

function speedUp(self: Timing | null | undefined, own: Timing | null, row: SweepRow): string {
  if (!self || own === null || row.variant === 'self') return '';
  return (self.extrapolated === undefined ? '' : '~') + formatRatio(self.median / own.median);
}

function notes(result: SweepResult): string {
  const formulas = new Set(
    result.rows.flatMap(({ timeToFirstToken, decode }) => [timeToFirstToken?.extrapolated, decode?.extrapolated]),
  );
  const extrapolated = [...formulas].filter((formula) => formula !== undefined).map((formula) => `  ~ ${formula}`);
  const refused = result.rows.flatMap(({ refused: why, variant, tokens }) =>
    why === undefined ? [] : [`  ${variant} at ${formatTokens(tokens)}: ${why}`],
  );
  const worst = Math.max(0, ...result.rows.map(({ disagreement }) => disagreement ?? 0));
  const gemm = result.gemmFlopsPerSecond;
  const prefill = result.selfPrefill.map(
    ({ tokens, flopsPerSecond: rate }) => `${formatTokens(tokens)}: ${((100 * rate) / gemm).toFixed(0)} %`,
  );
  const texts = result.texts.map(
    ({ tokens, distinct, unseenAfterWarmUp }) =>
      `${formatTokens(tokens)}: ${distinct.toLocaleString('en-US')} (${(100 * unseenAfterWarmUp).toFixed(0)} % unseen when warm)`,
  );
  return [
    '',
    `Distinct ids: ${texts.join('; ')}`,
    `Baseline's prefill, share of this run's matrix product rate (${(gemm / 1e9).toFixed(1)} GFLOP/s at 512³): ${prefill.join('; ') || 'not run'}`,
    `Largest disagreement of a mode with kv: ${worst.toExponential(1)} of the largest logit`,
    ...(extrapolated.length === 0 ? [] : ['Extrapolated figures (~) by:', ...extrapolated]),
    ...(refused.length === 0 ? [] : ['Refused:', ...refused]),
    '"self" is the same-size self-attention model with KV cache and tiled attention. Peaks include the weights.',
    '',
  ].join('\n');
}

function planSection(rows: readonly PlanTableRow[]): string {
  const table = new Table({
    head: ['shape', 'weights', 'H/G', 'memory', 'self (KV cache)', 'kv', 'tables, all ids', 'on text', 'states', 'ids'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const tokens = (count: number | null) => (count === null ? 'no' : count.toLocaleString('en-US'));
  let shape = '';
  for (const row of rows) {
    const first = row.shape !== shape;
    shape = row.shape;
    const { self, kv, tables, states, ids } = row.tokens;
    table.push([
      first ? row.shape : '',
      first ? formatBytes(row.weightBytes) : '',
      first ? String(row.groupSize) : '',
      formatBytes(row.budgetBytes),
      ...[self, kv, tables, row.tablesOnText, states, ids].map(tokens),
    ]);
  }
  const [{ dtype } = { dtype: 'f32' }] = rows;
  return [
    `What fits, by plan(): the most tokens of context, f32 weights, ${dtype} contexts, w = 3. "tables, all ids": every id of the`,
    'vocabulary seen; "on text": N tokens with N^0.72 distinct ids, the upper end measured on English in GPT-2’s vocabulary.',
    'With many query heads per key head (H/G) a KV cache is small already, and so is the gain.',
    table.toString(),
    '',
  ].join('\n');
}
