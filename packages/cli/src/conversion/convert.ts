/**
 * Converts a model's files: opened wherever they are, written whole or not at all, one tensor in memory at a time. What it
 * is converted to is a folder of this project, a folder as Hugging Face's transformers read it, or a GGUF file.
 */

import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { modelFolder } from '@inattention/bench/node';
import { InvalidArgumentError } from '@inattention/core';
import { type ModelConfig, parameterCount } from '@inattention/core/math';
import {
  type ContentOptions,
  ggufContent,
  huggingFaceConfig,
  type ModelFiles,
  openModelFiles,
  safetensorsContent,
  serializeConfig,
  switchedConfig,
} from '@inattention/formats';
import { openModelAt } from '@inattention/formats/node';
import { type FileContent, writeWholeFile, writeWholeFolder } from '@inattention/train/node';
import type { AttentionSwitches } from './attention-switches.ts';

export const targetFormats = ['inattention', 'safetensors', 'gguf'] as const;
export type TargetFormat = (typeof targetFormats)[number];

/** What weights are stored in; keep: as they are where the format can, else f32. */
export const storedDTypes = ['keep', 'f32', 'f16', 'bf16', 'q8_0'] as const;
export type StoredDType = (typeof storedDTypes)[number];

export interface ConvertSettings {
  /** A folder, a GGUF file, or the URL of either. */
  readonly from: string;
  /** The folder to make; with GGUF, a file when it ends with .gguf. */
  readonly to: string;
  readonly format: TargetFormat;
  readonly weightDtype: StoredDType;
  readonly attention: AttentionSwitches;
  readonly window?: number;
}

export interface Converted {
  readonly config: ModelConfig;
  readonly parameters: number;
  readonly bytes: number;
}

/** Throws what opening and writing throw, and UnsupportedError for a model that the format cannot hold. */
export async function convert(settings: ConvertSettings, options: ContentOptions): Promise<Converted> {
  const { signal } = options;
  const reading = signal === undefined ? {} : { signal };
  const files = await openModelFiles(await openModelAt(await modelFolder(settings.from), {}, signal), reading);
  const config = switchedConfig(files.config, {
    attention: settings.attention,
    ...(settings.window !== undefined && { initialStateWindow: settings.window }),
  });
  let bytes = 0;
  const counted: ContentOptions = {
    ...options,
    onProgress: (progress) => {
      bytes = progress.total;
      options.onProgress?.(progress);
    },
  };
  const companions = await files.companions(reading);
  const content =
    settings.format === 'gguf'
      ? new Map([['model.gguf', ggufOf(settings, files, config, companions, counted)]])
      : folderOf(settings, files, config, companions, counted);
  const isFile = settings.format === 'gguf' && /\.gguf$/i.test(settings.to);
  await checkFree(settings.to, isFile);
  if (isFile) {
    await writeWholeFile(settings.to, content.get('model.gguf') ?? []);
  } else await writeWholeFolder(settings.to, content);
  return { config, parameters: parameterCount(config), bytes };
}

/** config.json, weights and companions. Weights come last: where they are, the rest is. */
function folderOf(
  { format, weightDtype }: ConvertSettings,
  files: ModelFiles,
  config: ModelConfig,
  companions: ReadonlyMap<string, Uint8Array>,
  options: ContentOptions,
): Map<string, FileContent> {
  if (weightDtype === 'q8_0') throw notStored(weightDtype, 'keep, f32, f16 or bf16');
  const dtype = weightDtype === 'keep' ? {} : { dtype: storedAs[weightDtype] };
  const json = format === 'safetensors' ? huggingFaceConfig(config) : serializeConfig(config);
  return new Map<string, FileContent>([
    ...[...companions].map(([name, bytes]): [string, FileContent] => [name, [bytes]]),
    ['config.json', [new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`)]],
    ['model.safetensors', safetensorsContent(config, files.weights, { ...dtype, ...options })],
  ]);
}

const storedAs = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;

function ggufOf(
  { from, weightDtype }: ConvertSettings,
  { weights }: ModelFiles,
  config: ModelConfig,
  companions: ReadonlyMap<string, Uint8Array>,
  options: ContentOptions,
): FileContent {
  if (weightDtype === 'bf16') throw notStored(weightDtype, 'keep, f32, f16 or q8_0');
  const parsed = (name: string): unknown => {
    const bytes = companions.get(name);
    return bytes === undefined ? null : JSON.parse(new TextDecoder().decode(bytes));
  };
  const template = companions.get('chat_template.jinja');
  const tokenizerConfig = {
    ...(parsed('tokenizer_config.json') as Record<string, unknown> | null),
    ...(template !== undefined && { chat_template: new TextDecoder().decode(template) }),
  };
  const kept = new Set([...weights.tensors.values()].filter(({ shape }) => shape.length > 1).map(({ dtype }) => dtype));
  const keptType = kept.size === 1 && kept.has('F16') ? 'F16' : kept.size === 1 && kept.has('Q8_0') ? 'Q8_0' : 'F32';
  const type = weightDtype === 'keep' ? keptType : ({ f32: 'F32', f16: 'F16', q8_0: 'Q8_0' } as const)[weightDtype];
  const name = basename(from).replace(/\.gguf$/i, '');
  return ggufContent(config, weights, {
    type,
    name,
    tokenizerJson: parsed('tokenizer.json'),
    tokenizerConfig,
    ...options,
  });
}

/** Throws unless nothing is at a path, or, where a folder is to be made, an empty one. */
async function checkFree(path: string, isFile: boolean): Promise<void> {
  const refuse = (got: string): never => {
    throw new InvalidArgumentError({
      what: `There is something at ${path} already.`,
      got,
      expected: isFile ? 'nothing' : 'nothing, or an empty folder',
      fix: 'give another place, or remove what is there',
    });
  };
  const entries = await readdir(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    if (cause.code === 'ENOTDIR') return refuse(basename(path));
    throw new InvalidArgumentError({ what: `${path} cannot be looked into.`, got: cause.code ?? cause.message, cause });
  });
  const [first] = entries ?? [];
  if (first !== undefined) refuse(join(path, first));
  if (entries !== null && isFile) refuse('a folder');
}

function notStored(got: string, expected: string): InvalidArgumentError {
  return new InvalidArgumentError({ what: 'The format does not store weights so.', got, expected });
}
