/** `inattention bench --switching`: what switching layers costs and healing brings back, from the command line. Node only. */

import { InvalidArgumentError, InvalidFileError, selectBackend } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { openModelAt } from '@inattention/formats/node';
import { loadModel, type Model } from '@inattention/model';
import { documentsInMemory, type TokenData, tokenizeInMemory } from '@inattention/train';
import type { BackendName } from '../backend-names.ts';
import { candidatesFor, onlyBackend } from '../backends.ts';
import { type BenchOutput, progressLines } from '../bench-output.ts';
import { environment } from '../environment.ts';
import { modelFolder } from '../model-folder.ts';
import { checkOutputs, type OutputFiles, writeTexts } from '../outputs.ts';
import { openText } from '../quality/open-text.ts';
import { readAddresses } from '../texts.ts';
import { runSwitching } from './run-switching.ts';
import { switchingMarkdown } from './switching-markdown.ts';
import { switchingPage, switchingReport } from './switching-report.ts';
import type { HealingSettings, SwitchingResult } from './switching-result.ts';

export interface SwitchingCommandOptions extends OutputFiles {
  readonly switching: string;
  readonly text?: string;
  readonly tokens?: number;
  readonly heal?: readonly number[];
  readonly healText?: string;
  readonly learningRate?: number;
  readonly steps?: number;
  readonly backend?: BackendName | 'auto';
  readonly threads?: readonly number[];
  readonly memory?: number;
  readonly json?: boolean;
}

/** Of healing, where flags do not say. */
const healingDefaults = { steps: 50, learningRate: 1e-3, temperature: 1, weight: 1, seed: 1 } as const;
const defaultTokens = 256;
/** Addresses before the last that are healed on, where no text is given. */
const healedOn = 20;

/** Measures, writes the result after every measurement, and prints it. What was measured before a failure is reported, too. */
export async function benchSwitching(options: SwitchingCommandOptions, output: BenchOutput): Promise<void> {
  checkOutputs(options);
  const { switching: place, tokens: length = defaultTokens, heal = [], out } = options;
  const { steps = healingDefaults.steps, learningRate = healingDefaults.learningRate } = options;
  const source = await openModelAt(await modelFolder(place), {}, output.signal);
  const backend = await openBackend(options, output);
  let partial: SwitchingResult | null = null;
  try {
    output.error('Loading the model …\n');
    using model = await loadModel(source, backend, {
      weightDType: 'f32',
      ...(output.signal !== undefined && { signal: output.signal }),
    });
    checkLayers(heal, model);
    const heldOut = await tokensOf(options.text, model, place, { from: -1 }, output);
    if (heldOut.data.tokenCount <= length) throw tooShort(heldOut, length);
    const settings: HealingSettings = { ...healingDefaults, layers: heal, steps, length, learningRate };
    const before = { from: -1 - healedOn, to: -1 };
    const healing =
      heal.length === 0 ? null : { settings, ...(await tokensOf(options.healText, model, place, before, output)) };
    const result = await runSwitching({
      ...{ model, name: place, text: heldOut.text, healing },
      tokens: await heldOut.data.readTokens(0, length + 1),
      environment: environment(),
      command: commandLine(options, { length, steps, learningRate, backend: backend.name }),
      ...(output.signal !== undefined && { signal: output.signal }),
      onProgress: progressLines(output),
      onPartial(soFar) {
        partial = soFar;
        writeTexts([[out, toJson(soFar)]]);
      },
    });
    partial = null;
    await reportSwitching(result, options, output);
  } catch (error) {
    if (partial !== null) await reportSwitching(partial, options, output);
    throw error;
  } finally {
    backend.dispose();
  }
}

/** Writes the files that were asked for and prints the result. */
export async function reportSwitching(
  result: SwitchingResult,
  { out, report, markdown, json }: OutputFiles & { readonly json?: boolean },
  output: BenchOutput,
): Promise<void> {
  const page = report === undefined ? '' : await switchingPage(result);
  const files = [
    [out, toJson(result)] as const,
    [report, page] as const,
    [markdown, switchingMarkdown(result)] as const,
  ];
  for (const file of writeTexts(files)) output.error(`Wrote ${file}\n`);
  output.out(json === true ? toJson(result) : switchingReport(result));
}

async function openBackend(
  { backend: wanted = 'auto', threads, memory }: SwitchingCommandOptions,
  output: BenchOutput,
) {
  if (threads?.[0] !== undefined) {
    return createCpuBackend({ threads: threads[0], ...(memory !== undefined && { maxBytes: memory }) });
  }
  const { backend, reason } = await selectBackend(candidatesFor({ backend: wanted, memory }), onlyBackend(wanted));
  output.error(`Backend: ${backend.name} (${backend.info.device}); ${reason}\n`);
  return backend;
}

interface NamedTokens {
  readonly data: TokenData;
  /** What they are of. */
  readonly text: string;
}

/** The ids of a file; without one, of State of the Union addresses. */
async function tokensOf(
  path: string | undefined,
  model: Model,
  name: string,
  addresses: { readonly from: number; readonly to?: number },
  { signal }: BenchOutput,
): Promise<NamedTokens> {
  const { tokenizer, config } = model;
  if (path !== undefined) {
    const opened = await openText(path, signal);
    const data = await opened.tokensFor({ name, tokenizer, vocabSize: config.vocabSize }, signal);
    return { data, text: opened.facts.name };
  }
  if (tokenizer === null) {
    throw new InvalidFileError({ what: `${name} has no tokenizer.`, fix: 'give a file of ids as --text' });
  }
  const { titles, texts } = await readAddresses(addresses.from, addresses.to);
  const title = titles.length === 1 ? (titles[0] as string) : `${titles[0]} to ${titles.at(-1)}`;
  const text = `State of the Union, ${title}`;
  const source = documentsInMemory(texts, text);
  return { text, data: await tokenizeInMemory([source], { tokenizer, ...(signal !== undefined && { signal }) }) };
}

/** Before minutes are spent on measurements. */
function checkLayers(layers: readonly number[], { config: { attentionTypes } }: Model): void {
  const wrong = layers.find((layer) => attentionTypes[layer] !== 'self');
  if (wrong === undefined) return;
  throw new InvalidArgumentError({
    what: '--heal names a layer that cannot be switched.',
    got: `layer ${wrong}, ${attentionTypes[wrong] ?? 'which is not there'}`,
    expected: `layers of self-attention among 0 to ${attentionTypes.length - 1}`,
  });
}

function tooShort({ text, data: { tokenCount } }: NamedTokens, length: number): InvalidArgumentError {
  return new InvalidArgumentError({
    what: 'The held-out text is too short.',
    got: `${tokenCount} tokens of ${text}`,
    expected: `${length + 1} or more`,
    fix: 'give fewer --tokens, or a longer --text',
  });
}

/** The command that repeats the bench, every setting spelled out. */
function commandLine(
  { switching, text, heal = [], healText, threads, memory }: SwitchingCommandOptions,
  settings: {
    readonly length: number;
    readonly steps: number;
    readonly learningRate: number;
    readonly backend: string;
  },
): string {
  const { length, steps, learningRate, backend } = settings;
  return [
    `inattention bench --switching ${switching}`,
    ...(text === undefined ? [] : [`--text ${text}`]),
    `--tokens ${length}`,
    ...(heal.length === 0 ? [] : [`--heal ${heal.join(',')} --steps ${steps} --learning-rate ${learningRate}`]),
    ...(healText === undefined ? [] : [`--heal-text ${healText}`]),
    `--backend ${backend}`,
    ...(threads === undefined ? [] : [`--threads ${threads.join(',')}`]),
    ...(memory === undefined ? [] : [`--memory ${memory}`]),
  ].join(' ');
}

function toJson(result: SwitchingResult): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}
