/** `inattention plan`: what each context mode would take, and which one `auto` picks. Reads config.json and, if there are any, the headers of weights. */

import { formatBytes } from '@inattention/bench';
import { modelFolder } from '@inattention/bench/node';
import { type ContextDType, type ContextPlan, type ModelConfig, plan } from '@inattention/core/math';
import { type ByteSource, type ModelSource, openConfig, openModelFiles, openWeights } from '@inattention/formats';
import { openModelAt } from '@inattention/formats/node';
import { placementOf, type WantedWeightDType } from '@inattention/model';
import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { weightDTypeOption } from '../open.ts';
import type { Terminal } from '../terminal.ts';
import { bytes, count } from '../values.ts';

interface PlanFlags {
  readonly model: string;
  readonly tokens: number;
  readonly distinct?: number;
  readonly budget?: number;
  readonly contextDtype: ContextDType;
  readonly weightDtype: WantedWeightDType;
  readonly json?: boolean;
}

export function planCommand(terminal: Terminal): Command {
  return new Command('plan')
    .description('Predict the bytes of a context in each mode')
    .requiredOption(
      '--model <folder>',
      'a shipped model such as small, a folder with config.json, or a GGUF file; a URL of either',
    )
    .requiredOption('--tokens <n>', 'length of the context', count(0))
    .option('--distinct <n>', 'distinct ids in it (default: as many as there can be)', count(0))
    .option('--budget <bytes>', 'bytes for weights, context and table together, such as 8GB', bytes)
    .addOption(new Option('--context-dtype <dtype>', 'dtype of what is kept').choices(['f32', 'f16']).default('f32'))
    .addOption(weightDTypeOption())
    .option('--json', 'print one JSON object on standard output')
    .addHelpText(
      'after',
      `
Predictions are exact: what a session of this length takes by the backend's own count.

Examples:
  inattention plan --model models/small --tokens 100000
  inattention plan --model models/small --tokens 100000 --weight-dtype i8
  inattention plan --model models/small --tokens 100000 --distinct 9000 --budget 8GB --json`,
    )
    .action((flags: PlanFlags) => run(flags, terminal));
}

async function run(flags: PlanFlags, terminal: Terminal): Promise<void> {
  const source = await openModelAt(await modelFolder(flags.model), {}, terminal.signal);
  const config = await openConfig(source);
  const planned = plan(config, {
    tokens: flags.tokens,
    dtype: flags.contextDtype,
    ...(await weightsOf(source, config, flags.weightDtype)),
    ...(flags.distinct !== undefined && { distinct: flags.distinct }),
    ...(flags.budget !== undefined && { budget: flags.budget }),
  });
  terminal.out(flags.json ? `${JSON.stringify(planned)}\n` : planReport(planned));
}

/** What loading would keep the weights in, and their bytes; f32 for a folder that has none. */
async function weightsOf(source: ModelSource | ByteSource, config: ModelConfig, wanted: WantedWeightDType) {
  if (wanted !== 'auto') return { weightDType: wanted };
  const tensors = await tensorsOf(source);
  if (tensors === null) return {};
  const { weightDType, weightBytes } = placementOf(config, tensors, wanted);
  return { weightDType, weightBytes };
}

async function tensorsOf(source: ModelSource | ByteSource) {
  if ('read' in source) return (await openModelFiles(source)).weights.tensors;
  const file = (await source.open('model.safetensors')) ?? (await source.open('model.safetensors.index.json'));
  return file === null ? null : (await openWeights(source)).tensors;
}

function planReport(planned: ContextPlan): string {
  const table = new Table({
    head: ['mode', 'context', 'table', 'weights', 'total', 'host', 'first token', 'each further', ''],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const row of planned.rows) {
    table.push([
      row.mode,
      formatBytes(row.contextBytes),
      row.tableBytes === 0 ? '' : formatBytes(row.tableBytes),
      formatBytes(row.weightBytes),
      formatBytes(row.totalBytes),
      formatBytes(row.hostBytes),
      `${(row.firstTokenFlops / 1e9).toPrecision(3)} GFLOP`,
      `${(row.decodeFlops / 1e9).toPrecision(3)} GFLOP`,
      row.fits ? (row.mode === planned.chosen ? 'auto takes this' : '') : `does not fit: ${row.reason}`,
    ]);
  }
  const bound = planned.distinctIsBound ? ' (the most there can be)' : '';
  return (
    `${planned.tokens.toLocaleString('en-US')} tokens, ${planned.distinct.toLocaleString('en-US')} distinct${bound}, ${planned.dtype} contexts, ${planned.weightDType} weights` +
    `${planned.budget === null ? '' : `, budget ${formatBytes(planned.budget)}`}\n${table.toString()}\n` +
    `The KV cache of the same-size self-attention model: ${formatBytes(planned.selfAttentionContextBytes)}\n`
  );
}
