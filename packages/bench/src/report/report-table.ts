/**
 * The report's tables as plain text cells, one definition for terminals, Markdown, HTML and pages. `~` marks
 * extrapolated figures.
 */

import type { SweepResult, SweepRow, Timing } from '../result.ts';
import { profileTable } from './profile-table.ts';
import { type Ratio, ratiosOf } from './ratios.ts';
import { formatBytes, formatMilliseconds, formatRatio, formatTokens } from './units.ts';

export interface ReportColumn {
  readonly title: string;
  readonly align: 'left' | 'right';
}

export interface ReportTable {
  readonly title: string;
  /** What the columns mean, one sentence each. */
  readonly notes: readonly string[];
  readonly columns: readonly ReportColumn[];
  readonly rows: readonly (readonly string[])[];
  /** Leading columns that say what a row is of. Default 2. */
  readonly rowHeaders?: number;
}

/** Every table of what was measured, in order; the plan's comes after the remarks. */
export function reportTables(result: SweepResult): ReportTable[] {
  const measured = [memoryTable(result), timeTable(result), tableStates(result), lengthTable(result)];
  const tables = [...measured, profileTable(result)];
  return tables.filter(({ rows }) => rows.length > 0);
}

/** Memory of every row, measured beside planned. */
export function memoryTable(result: SweepResult): ReportTable {
  return {
    title: 'Memory',
    notes: [
      'Device bytes; “planned” is what plan() says beforehand. Planned total = weights + context + table; the peak, by the ledger, has the scratch of a step on top.',
      'A table serves all sessions of a model. “kept against self”: the baseline’s context over context and table.',
    ],
    columns: [
      ...leading,
      right('context'),
      right('planned'),
      right('table'),
      right('planned'),
      right('peak'),
      right('planned total'),
      right('kept against self'),
    ],
    rows: result.rows.map((row) => [
      formatTokens(row.tokens),
      row.variant,
      bytes(row.contextBytes, row),
      formatBytes(row.plan.contextBytes),
      row.plan.tableBytes === 0 ? '' : bytes(row.tableBytes, row),
      row.plan.tableBytes === 0 ? '' : formatBytes(row.plan.tableBytes),
      bytes(row.peakBytes, row),
      formatBytes(row.plan.totalBytes),
      plainRatio(ratiosOf(row, result.rows).kept),
    ]),
  };
}

/** First token with an empty table and decode of every row, with ratios to the baseline. */
export function timeTable(result: SweepResult): ReportTable {
  return {
    title: 'Time',
    notes: [
      'First token: from ids in hand to the first logits, weights loaded; cold: with an empty table. Decode: median per token.',
      '“against self”: the baseline’s time over this one, same run. “arithmetic”: the baseline’s multiply-adds to the first token over this row’s, for this text: what the cold ratio would be at equal rates.',
    ],
    columns: [
      ...leading,
      right('first token, cold'),
      right('against self'),
      right('arithmetic'),
      right('decode per token'),
      right('against self'),
      right('rounds'),
    ],
    rows: result.rows.map((row) => {
      const ratios = ratiosOf(row, result.rows);
      return [
        formatTokens(row.tokens),
        row.variant,
        timing(row.timeToFirstToken, row),
        ratio(ratios.cold),
        plainRatio(ratios.work),
        timing(row.decode, row),
        ratio(ratios.decode),
        row.outcome === 'measured' ? String(row.timeToFirstToken?.rounds ?? '') : '',
      ];
    }),
  };
}

/** First token of mode tables by what its table has seen. No rows where that mode was not swept. */
export function tableStates(result: SweepResult): ReportTable {
  return {
    title: 'First token of mode tables, by what its table has seen',
    notes: [
      'Cold: nothing. Warm: the document named above, nothing of the text; the ids “unseen when warm” are computed. Revisited: every id of the text, as when it is asked about again in a new session.',
      '“in steps”: in decode steps at that length, the median over the median step of the same run. What is left when revisited: taking in the ids, and one step.',
    ],
    columns: [
      right('tokens'),
      right('distinct ids'),
      right('cold'),
      right('in steps'),
      right('against self'),
      right('unseen when warm'),
      right('warm'),
      right('in steps'),
      right('against self'),
      right('revisited'),
      right('in steps'),
      right('against self'),
    ],
    rows: result.rows
      .filter(({ variant }) => variant === 'tables')
      .map((row) => {
        const ratios = ratiosOf(row, result.rows);
        const text = result.texts.find(({ tokens }) => tokens === row.tokens);
        return [
          formatTokens(row.tokens),
          text === undefined ? '' : text.distinct.toLocaleString('en-US'),
          timing(row.timeToFirstToken, row),
          steps(ratios.coldInDecodeSteps),
          ratio(ratios.cold),
          text === undefined ? '' : percent(text.unseenAfterWarmUp),
          row.warmRefused === undefined ? timing(row.timeToFirstTokenWarm) : 'does not fit',
          steps(ratios.warmInDecodeSteps),
          ratio(ratios.warm),
          revisited(row),
          steps(ratios.revisitedInDecodeSteps),
          ratio(ratios.revisited),
        ];
      }),
  };
}

/** What the text is like at each length, and how good the baseline is there. */
export function lengthTable(result: SweepResult): ReportTable {
  const { gemmFlopsPerSecond: gemm, selfPrefill } = result;
  return {
    title: 'Text and baseline',
    notes: [
      `Baseline’s prefill: its arithmetic as executed over its first-token time, as a share of this run’s matrix product rate (${gemm === null ? 'not measured' : `${(gemm / 1e9).toFixed(1)} GFLOP/s at 512³`}).`,
    ],
    columns: [right('tokens'), right('distinct ids'), right('baseline’s prefill'), right('of the GEMM rate')],
    rows: result.texts.map(({ tokens, distinct }) => {
      const rate = selfPrefill.find((prefill) => prefill.tokens === tokens)?.flopsPerSecond;
      return [
        formatTokens(tokens),
        distinct.toLocaleString('en-US'),
        rate === undefined ? 'not run' : `${(rate / 1e9).toFixed(1)} GFLOP/s`,
        rate === undefined || gemm === null ? '' : percent(rate / gemm),
      ];
    }),
  };
}

/** What fits in common memory sizes. */
export function planReport({ plan }: SweepResult): ReportTable {
  const [{ dtype } = { dtype: 'f32' }] = plan;
  const count = (tokens: number | null) => (tokens === null ? 'no' : tokens.toLocaleString('en-US'));
  return {
    title: 'What fits, by plan()',
    notes: [
      `The most tokens of context, f32 weights, ${dtype} contexts, w = 3. “tables, all ids”: every id of the vocabulary seen; “on text”: N tokens with N^0.72 distinct ids, the upper end measured on English in GPT-2’s vocabulary.`,
      'With many query heads per key head (H/G) a KV cache is small already, and so is the gain.',
    ],
    columns: [
      { title: 'shape', align: 'left' },
      ...['weights', 'H/G', 'memory', 'self (KV cache)', 'kv', 'tables, all ids', 'on text', 'states', 'ids'].map(
        right,
      ),
    ],
    rows: plan.map((row) => [
      row.shape,
      formatBytes(row.weightBytes),
      String(row.groupSize),
      formatBytes(row.budgetBytes),
      ...[row.tokens.self, row.tokens.kv, row.tokens.tables, row.tablesOnText, row.tokens.states, row.tokens.ids].map(
        count,
      ),
    ]),
  };
}

const leading: readonly ReportColumn[] = [right('tokens'), { title: 'variant', align: 'left' }];

function right(title: string): ReportColumn {
  return { title, align: 'right' };
}

function bytes(value: number | null, row: SweepRow): string {
  return value === null ? notRun(row) : formatBytes(value);
}

function timing(value: Timing | null, row?: SweepRow): string {
  if (value === null) return row === undefined ? '' : notRun(row);
  return (value.extrapolated === undefined ? '' : '~') + formatMilliseconds(value.median);
}

function notRun({ outcome }: SweepRow): string {
  return { measured: '', extrapolated: 'not run', refused: 'does not fit', unreached: 'not reached' }[outcome];
}

function ratio(value: Ratio | null): string {
  return value === null ? '' : (value.extrapolated ? '~' : '') + formatRatio(value.value);
}

/** Results of an older schema are measured without it. */
function revisited(row: SweepRow): string {
  const { timeToFirstTokenRevisited: value, outcome } = row;
  return value === null && outcome === 'measured' ? 'not measured' : timing(value, row);
}

function steps(value: number | null): string {
  return value === null ? '' : value.toFixed(1);
}

function plainRatio(value: number | null): string {
  return value === null ? '' : formatRatio(value);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
