/** The bench of many sessions as text for terminals. */

import Table from 'cli-table3';
import { formatBytes, formatMilliseconds, formatRatio, formatTokens } from '../report/units.ts';
import type { BatchResult, BatchRow } from './batch-result.ts';

export function batchReport(result: BatchResult): string {
  const { bytes, sessions, tokens, distinct, rows, text } = result;
  const exactly = (value: number) => `${value.toLocaleString('en-US')} bytes (${formatBytes(value)})`;
  const table = new Table({
    head: ['batch', 'step', 'tokens/s', 'of batch 1', 'steps'],
    colAligns: ['right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const [first] = rows;
  for (const { batch, stepMs, tokensPerSecond, steps } of rows) {
    const ratio = formatRatio(tokensPerSecond / (first as BatchRow).tokensPerSecond);
    table.push([String(batch), formatMilliseconds(stepMs), tokensPerSecond.toFixed(1), ratio, String(steps)]);
  }
  return `${[
    `${sessions.toLocaleString('en-US')} sessions of ${formatTokens(tokens)} ids each, mode ${result.mode}`,
    ...Object.entries(result.environment).map(([name, value]) => `${name}: ${value}`),
    `backend: ${result.backend.name} (${result.backend.device})`,
    `shape: ${result.shape}, contexts ${result.dtype}, weights ${result.weightDType}, window ${result.window}`,
    `text: ${text.title} (${text.tokenizer}), a stretch every ${text.stride} ids, ${distinct.toLocaleString('en-US')} distinct ids`,
    `command: ${result.command}`,
    '',
    'Bytes, equal to plan() to the byte:',
    `  contexts: ${exactly(bytes.context)}, ${exactly(bytes.contextEach)} each`,
    `  table, shared: ${exactly(bytes.table)}`,
    `  the same-size self-attention model's KV caches: ${exactly(bytes.selfAttentionContext)} (planned)`,
    `  host: ${exactly(bytes.host)}`,
    '',
    `Appending ${(sessions * tokens).toLocaleString('en-US')} ids: ${formatMilliseconds(result.appendMs)}`,
    '',
    'Decode, medians of interleaved rounds; a step appends an id to each session and computes the logits after it:',
    table.toString(),
  ].join('\n')}\n`;
}
