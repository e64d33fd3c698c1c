/** `inattention inspect`: what is in a model's folder and what it supports. Reads no weights. */

import { formatBytes } from '@inattention/bench';
import { modelFolder } from '@inattention/bench/node';
import {
  contextBytes,
  contextModes,
  maxRopePositions,
  parameterCount,
  weightBytes,
  weightDTypes,
} from '@inattention/core/math';
import { type ModelFiles, openModelFiles } from '@inattention/formats';
import { openModelAt } from '@inattention/formats/node';
import { placementOf } from '@inattention/model';
import Table from 'cli-table3';
import { Command } from 'commander';
import type { Terminal } from '../terminal.ts';

interface InspectFlags {
  readonly model: string;
  readonly json?: boolean;
}

export function inspectCommand(terminal: Terminal): Command {
  return new Command('inspect')
    .description('Show a model: configuration, tensors, parameters, bytes, what it supports')
    .requiredOption(
      '--model <place>',
      'a shipped model such as small, a folder of a model, or a GGUF file; a URL of either',
    )
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  inattention inspect --model models/small')
    .action((flags: InspectFlags) => run(flags, terminal));
}

async function run(flags: InspectFlags, terminal: Terminal): Promise<void> {
  const files = await openModelFiles(await openModelAt(await modelFolder(flags.model)), { signal: terminal.signal });
  const facts = describe(files);
  terminal.out(flags.json ? `${JSON.stringify(facts)}\n` : inspectReport(facts));
}

type Facts = ReturnType<typeof describe>;

function describe({ config, weights, tokenizer, chatTemplate, fingerprint }: ModelFiles) {
  const longest = { rope: maxRopePositions, learned: config.maxPositionEmbeddings, alibi: null, none: null };
  const perToken = contextModes.map((mode) => [mode, contextBytes(config, mode, 1024, 'f32') / 1024] as const);
  return {
    config,
    parameters: parameterCount(config),
    weightBytes: weights.totalBytes,
    tensors: [...weights.tensors.values()].map(({ name, dtype, shape, byteLength }) => ({
      name,
      dtype,
      shape,
      byteLength,
    })),
    tokenizer: tokenizer === null ? null : { name: tokenizer.name, vocabSize: tokenizer.vocabSize },
    /** Whether `generate --chat` can be used. */
    chatTemplate: chatTemplate !== null,
    fingerprint,
    supports: {
      contextModes: [...contextModes],
      /** null: no limit of its own. */
      maxTokens: longest[config.positionEmbeddingType],
      /** Device bytes of the weights, rotary angles and slopes included; auto: as the files have them. */
      weightBytes: {
        auto: placementOf(config, weights.tensors, 'auto').weightBytes,
        ...Object.fromEntries(weightDTypes.map((dtype) => [dtype, weightBytes(config, dtype)])),
      },
      contextBytesPerToken: Object.fromEntries(perToken),
    },
  };
}

function inspectReport(facts: Facts): string {
  const { config, supports } = facts;
  const settings = new Table({ style: { head: [], border: [], compact: true } });
  const kinds = new Set(config.attentionTypes);
  settings.push(
    ['parameters', facts.parameters.toLocaleString('en-US')],
    ['weights', formatBytes(facts.weightBytes)],
    [
      'weights on a device',
      Object.entries(supports.weightBytes)
        .map(([dtype, bytes]) => `${dtype} ${formatBytes(bytes)}`)
        .join(', '),
    ],
    ['layers', `${config.numHiddenLayers} (${kinds.size === 1 ? [...kinds][0] : config.attentionTypes.join(', ')})`],
    ['hidden size, MLP size', `${config.hiddenSize}, ${config.intermediateSize}`],
    ['heads', `${config.numAttentionHeads} query, ${config.numKeyValueHeads} key/value, of ${config.headDim}`],
    [
      'positions',
      `${config.positionEmbeddingType}${supports.maxTokens === null ? '' : `, up to ${supports.maxTokens.toLocaleString('en-US')}`}`,
    ],
    ['initial-state window', String(config.initialStateWindow)],
    ['vocabulary', `${config.vocabSize.toLocaleString('en-US')}${config.tieWordEmbeddings ? ', tied' : ''}`],
    ['tokenizer', facts.tokenizer?.name ?? 'none'],
    [
      'context bytes per token',
      Object.entries(supports.contextBytesPerToken)
        .map(([mode, bytes]) => `${mode} ${bytes.toLocaleString('en-US')}`)
        .join(', '),
    ],
    ['fingerprint', facts.fingerprint],
  );
  const tensors = new Table({
    head: ['tensor', 'dtype', 'shape', 'bytes'],
    colAligns: ['left', 'left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, dtype, shape, byteLength } of facts.tensors) {
    tensors.push([name, dtype, shape.join(' × '), formatBytes(byteLength)]);
  }
  return `${settings.toString()}\n${tensors.toString()}\n`;
}
