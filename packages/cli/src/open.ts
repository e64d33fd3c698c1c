/** Opens what verbs work on: token files, backends, models. */

import { readFile } from 'node:fs/promises';
import { type BackendName, backendCandidates, backendNames, onlyBackend } from '@inattention/bench';
import { modelFolder } from '@inattention/bench/node';
import { type BackendChoice, InvalidFileError, selectBackend } from '@inattention/core';
import { type ContextDType, type ContextMode, weightDTypes } from '@inattention/core/math';
import { parseTokens } from '@inattention/formats';
import { openModelAt } from '@inattention/formats/node';
import { loadModel, type Model, type WantedWeightDType } from '@inattention/model';
import { type Command, Option } from 'commander';
import { startProgress, type Terminal } from './terminal.ts';
import { bytes } from './values.ts';

/** Flags of every verb that runs a model. */
export interface RunFlags {
  readonly model: string;
  readonly backend: BackendName | 'auto';
  readonly context: ContextMode | 'auto';
  readonly contextDtype: ContextDType;
  readonly weightDtype: WantedWeightDType;
  readonly budget?: number;
  readonly tableBudget?: number;
  readonly json?: boolean;
}

/** Adds them. */
export function withRunFlags(command: Command): Command {
  return command
    .requiredOption(
      '--model <place>',
      'a shipped model such as small, a folder of a model, or a GGUF file; a URL of either',
    )
    .addOption(
      new Option('--backend <name>', 'where to compute; auto: a GPU where there is one')
        .choices(['auto', ...backendNames])
        .default('auto'),
    )
    .addOption(
      new Option('--context <mode>', 'what is kept of the context')
        .choices(['auto', 'kv', 'tables', 'states', 'ids'])
        .default('auto'),
    )
    .addOption(new Option('--context-dtype <dtype>', 'dtype of what is kept').choices(['f32', 'f16']).default('f32'))
    .addOption(weightDTypeOption())
    .option('--budget <bytes>', 'most bytes the context may take, such as 512MiB', bytes)
    .option('--table-budget <bytes>', 'most bytes the table may take', bytes)
    .option('--json', 'print one JSON object on standard output');
}

/** --weight-dtype, as every verb takes it that loads or plans a model. */
export function weightDTypeOption(): Option {
  return new Option(
    '--weight-dtype <dtype>',
    'what weights are kept in; auto: as the files have them (f16, blocks of 8 and 4 bits), else f32',
  )
    .choices(['auto', ...weightDTypes])
    .default('auto');
}

/** Loads the model of a verb, runs `work` with it, and frees everything. */
export async function withModel<T>(
  flags: RunFlags,
  terminal: Terminal,
  work: (model: Model, choice: BackendChoice) => Promise<T>,
): Promise<T> {
  const source = await openModelAt(await modelFolder(flags.model), {}, terminal.signal);
  const choice = await selectBackend(backendCandidates({ only: flags.backend }), {
    ...onlyBackend(flags.backend),
    contextDType: flags.contextDtype,
    ...(flags.weightDtype !== 'auto' && { weightDType: flags.weightDtype }),
  });
  const { backend } = choice;
  const progress = startProgress(terminal, 'loading');
  try {
    const model = await loadModel(source, backend, {
      signal: terminal.signal,
      onProgress: ({ done, total }) => progress.update(done, total),
      weightDType: flags.weightDtype,
      ...(flags.tableBudget !== undefined && { tableBudget: flags.tableBudget }),
    });
    progress.stop();
    try {
      return await work(model, choice);
    } finally {
      model.dispose();
    }
  } finally {
    progress.stop();
    backend.dispose();
  }
}

/** Reads a file of token ids. */
export async function readTokens(path: string, vocabSize: number): Promise<Int32Array> {
  const text = await readText(path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InvalidFileError({
      what: `${path} is not valid JSON.`,
      got: cause instanceof Error ? cause.message : String(cause),
      expected: 'a JSON array of ids, or an object with "tokens"',
    });
  }
  return parseTokens(json, vocabSize);
}

/** Reads a text file. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new InvalidFileError({
      what: `${path} cannot be read.`,
      got: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
