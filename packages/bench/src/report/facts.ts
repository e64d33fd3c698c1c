/** The report's sentences: what was run, on what, how to repeat it, and what has to be known to read the tables. */

import type { SweepResult, WarmUpKind } from '../result.ts';
import { formatBytes, formatTokens } from './units.ts';

const warmUpNames: Readonly<Record<WarmUpKind, string>> = {
  'same-book': 'the book that is measured, past the longest text measured',
  other: 'another text than the one measured',
};

export interface Fact {
  readonly name: string;
  readonly value: string;
}

const environmentNames: Readonly<Record<string, string>> = {
  runtime: 'Runtime',
  browser: 'Browser',
  platform: 'Platform',
  cpu: 'Processor',
  cores: 'Cores',
  memoryBytes: 'Machine’s memory',
  isolated: 'Cross-origin isolated',
  threads: 'Threads',
};

/** The machine. */
export function environmentFacts(environment: SweepResult['environment']): Fact[] {
  return Object.entries(environment).map(([name, value]) => ({
    name: Object.hasOwn(environmentNames, name) ? (environmentNames[name] as string) : name,
    value: name === 'memoryBytes' ? formatBytes(Number(value)) : String(value),
  }));
}

/** What was run, name by name. */
export function runFacts(result: SweepResult): Fact[] {
  const { parameters, weightBytes, text, warmUpText, warmUpKind, warmUpTokens, environment } = result;
  const difference = (100 * (parameters.inattention / parameters.self - 1)).toFixed(1);
  const count = (value: number) => value.toLocaleString('en-US');
  return [
    ...(result.interrupted === undefined
      ? []
      : [{ name: 'Interrupted', value: `${result.interrupted} What follows was measured before.` }]),
    { name: 'Shape', value: `${result.shape}, contexts in ${result.dtype}, weights in ${result.weightDType ?? 'f32'}` },
    {
      name: 'InAttention',
      value: `${count(parameters.inattention)} parameters, ${formatBytes(weightBytes.inattention)}, window w = ${result.window}, positions: ${result.positions ?? 'rope'}`,
    },
    {
      name: 'self, the baseline',
      value: `${count(parameters.self)} parameters (InAttention has ${difference} % more), ${formatBytes(weightBytes.self)}; the same weights, KV cache, tiled attention; run up to ${formatTokens(result.selfUpTo)} tokens`,
    },
    { name: 'Backend', value: `${result.backend} (${result.device})` },
    {
      name: 'Backend’s memory',
      value: result.budgetBytes === null ? 'not known to the backend' : `${formatBytes(result.budgetBytes)} at most`,
    },
    { name: 'Text', value: `${text.title} (${text.source}; ${text.licence}), ${text.tokenizer}` },
    {
      name: 'Warm tables have served',
      value: `${formatTokens(warmUpTokens)} tokens of ${warmUpText.title} (${warmUpText.source}; ${warmUpText.licence}): ${warmUpNames[warmUpKind]}`,
    },
    ...environmentFacts(environment),
    { name: 'Date', value: result.created },
    ...(result.command === undefined ? [] : [{ name: 'To repeat it', value: result.command }]),
  ];
}

/** Lists that follow the tables, each with a title; empty ones are left out. */
export function remarks(result: SweepResult): { readonly title: string; readonly lines: readonly string[] }[] {
  const formulas = new Set(
    result.rows.flatMap(({ timeToFirstToken, decode }) => [timeToFirstToken?.extrapolated, decode?.extrapolated]),
  );
  const at = (row: SweepResult['rows'][number]) => `${row.variant} at ${formatTokens(row.tokens)}`;
  const lists = [
    {
      title: 'Extrapolated figures (~) by',
      lines: [...formulas].filter((formula) => formula !== undefined),
    },
    {
      title: 'Does not fit',
      lines: result.rows.flatMap((row) => [
        ...(row.outcome === 'refused' ? [`${at(row)}: ${row.reason ?? ''}`] : []),
        ...(row.warmRefused === undefined ? [] : [`${at(row)}, warm: ${row.warmRefused}`]),
      ]),
    },
    { title: 'Agreement', lines: agreement(result) },
  ];
  return lists.filter(({ lines }) => lines.length > 0);
}

function agreement({ rows }: SweepResult): string[] {
  const compared = rows.filter(({ disagreement, variant }) => disagreement !== null && variant !== 'kv');
  if (compared.length === 0) return [];
  const worst = Math.max(...compared.map(({ disagreement }) => disagreement ?? 0));
  return [`The modes' logits differ from kv's by at most ${worst.toExponential(1)} of the largest logit.`];
}
