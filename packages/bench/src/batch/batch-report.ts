/** The bench of many sessions as text for terminals and as Markdown. */

import { environmentFacts, type Fact } from '../report/facts.ts';
import { markdownFacts, markdownTable } from '../report/markdown.ts';
import type { ReportColumn, ReportTable } from '../report/report-table.ts';
import { tableLines, withoutControls } from '../report/terminal.ts';
import { formatBytes, formatMilliseconds, formatRatio, formatTokens } from '../report/units.ts';
import type { BatchResult, BatchRow } from './batch-result.ts';

const title = 'Many sessions at once';

/** The whole report for terminals. */
export function batchReport(result: BatchResult): string {
  const facts = batchFacts(result).map(({ name, value }) => `${name}: ${value}`);
  const tables = [bytesTable(result), decodeTable(result)].flatMap(tableLines);
  return [title, ...facts, '', ...tables].map(withoutControls).join('\n');
}

/** The whole report as Markdown; ends with a line break. */
export function batchMarkdown(result: BatchResult): string {
  const tables = [bytesTable(result), decodeTable(result)].map(markdownTable);
  return `${[`# ${title}`, markdownFacts(batchFacts(result)), ...tables].join('\n\n')}\n`;
}

function batchFacts(result: BatchResult): Fact[] {
  const { sessions, tokens, distinct, text, backend, environment } = result;
  const count = (value: number) => value.toLocaleString('en-US');
  return [
    { name: 'Sessions', value: `${count(sessions)} of ${formatTokens(tokens)} ids each, mode ${result.mode}` },
    {
      name: 'Shape',
      value: `${result.shape}, contexts in ${result.dtype}, weights in ${result.weightDType}, window w = ${result.window}`,
    },
    { name: 'Backend', value: `${backend.name} (${backend.device})` },
    {
      name: 'Text',
      value: `${text.title} (${text.tokenizer}), a stretch every ${text.stride} ids, ${count(distinct)} distinct ids`,
    },
    {
      name: 'Appending',
      value: `${formatMilliseconds(result.appendMs)} for all ${count(sessions * tokens)} ids`,
    },
    ...environmentFacts(environment),
    { name: 'Date', value: result.created },
    { name: 'To repeat it', value: result.command },
  ];
}

function bytesTable({ bytes, sessions }: BatchResult): ReportTable {
  const row = (name: string, value: number) => [name, value.toLocaleString('en-US'), formatBytes(value)];
  return {
    title: 'Memory',
    notes: ['Measured, and equal to what plan() says beforehand to the byte; the baseline’s is planned.'],
    columns: [{ title: 'what', align: 'left' }, right('bytes'), right('')],
    rows: [
      row('contexts', bytes.context),
      row('a context', bytes.contextEach),
      row('table, shared', bytes.table),
      row(`KV caches of ${sessions.toLocaleString('en-US')} such sessions of the baseline`, bytes.selfAttentionContext),
      row('host', bytes.host),
    ],
  };
}

function decodeTable({ rows }: BatchResult): ReportTable {
  const [first] = rows;
  return {
    title: 'Decode by batch size',
    notes: ['Medians of interleaved rounds. A step appends an id to each session and computes the logits after it.'],
    columns: ['batch', 'step', 'tokens/s', 'of batch 1', 'steps'].map(right),
    rows: rows.map(({ batch, stepMs, tokensPerSecond, steps }) => [
      String(batch),
      formatMilliseconds(stepMs),
      tokensPerSecond.toFixed(1),
      formatRatio(tokensPerSecond / (first as BatchRow).tokensPerSecond),
      String(steps),
    ]),
  };
}

function right(name: string): ReportColumn {
  return { title: name, align: 'right' };
}
