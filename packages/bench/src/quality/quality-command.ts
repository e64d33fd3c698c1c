/** `inattention bench --quality`: models on a text, or the tasks, from the command line. Node only. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Backend, InvalidArgumentError, InvalidFileError, selectBackend } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { openDirectory } from '@inattention/formats/node';
import type { BackendName } from '../backend-names.ts';
import { candidatesFor, onlyBackend } from '../backends.ts';
import type { BenchOutput } from '../bench-output.ts';
import { environment } from '../environment.ts';
import { lengthFlag } from '../flags.ts';
import { modelFolder } from '../model-folder.ts';
import { checkOutputs, type OutputFiles, writeTexts } from '../outputs.ts';
import { openText } from './open-text.ts';
import { parseQuality } from './parse-quality.ts';
import { qualityMarkdown } from './quality-markdown.ts';
import { qualityPage, qualityReport } from './quality-report.ts';
import type { QualityResult, TaskSettings } from './quality-result.ts';
import { runQuality, taskFacts } from './run-quality.ts';
import type { Task } from './tasks/task.ts';
import { tasks as allTasks, taskSettings, taskVariants } from './tasks/task-plan.ts';

export interface QualityCommandOptions extends OutputFiles {
  readonly models?: readonly string[];
  readonly text?: string;
  readonly lengths?: readonly number[];
  readonly targets?: number;
  readonly selfUpTo?: number;
  readonly tasks?: readonly Task[];
  readonly steps?: number;
  readonly resume?: boolean;
  readonly backend?: BackendName | 'auto';
  readonly threads?: readonly number[];
  readonly json?: boolean;
}

const defaultLengths = [128, 512, 2048, 8192, 16384];
/** Seed of the targets. */
const seed = 1;
/** Progress is a line at most so often, in ms. */
const quiet = 5000;

/** Measures, writes the result after every row, and prints it. What was measured before a failure is reported, too. */
export async function benchQuality(options: QualityCommandOptions, output: BenchOutput): Promise<void> {
  checkOutputs(options);
  const { models = [], text, targets = 512, selfUpTo = 2048, tasks = allTasks, out } = options;
  const lengths = [...new Set(options.lengths ?? defaultLengths)].sort((a, b) => a - b);
  const settings = { ...taskSettings, steps: options.steps ?? taskSettings.steps };
  const before = options.resume === true ? await readBefore(out, settings, tasks) : null;
  const sources = await Promise.all(
    models.map(async (name) => ({ name, source: await openDirectory(await modelFolder(name)) })),
  );
  const opened = text === undefined ? null : await openText(text, output.signal);
  const backend = await openBackend(options, output);
  let partial: QualityResult | null = null;
  try {
    const result = await runQuality({
      backend,
      environment: environment(),
      command: commandLine({
        models,
        text,
        lengths,
        targets,
        selfUpTo,
        settings,
        tasks,
        backend,
        threads: options.threads,
      }),
      models: sources,
      text: opened,
      ...{ lengths, targets, selfUpTo, seed },
      tasks: models.length > 0 ? null : { settings, tasks, variants: taskVariants },
      ...(before !== null && { before }),
      ...(output.signal !== undefined && { signal: output.signal }),
      onProgress: rareProgressLines(output),
      onPartial(soFar) {
        partial = soFar;
        writeTexts([[out, toJson(soFar)]]);
      },
    });
    partial = null;
    await reportQuality(result, options, output);
  } catch (error) {
    if (partial !== null) await reportQuality(partial, options, output);
    throw error;
  } finally {
    backend.dispose();
  }
}

/** Writes the files that were asked for and prints the result. */
export async function reportQuality(
  result: QualityResult,
  { out, report, markdown, json }: OutputFiles & { readonly json?: boolean },
  output: BenchOutput,
): Promise<void> {
  const page = report === undefined ? '' : await qualityPage(result);
  const files = [[out, toJson(result)] as const, [report, page] as const, [markdown, qualityMarkdown(result)] as const];
  for (const file of writeTexts(files)) output.error(`Wrote ${file}\n`);
  output.out(json === true ? toJson(result) : qualityReport(result));
}

async function openBackend({ backend: wanted, threads }: QualityCommandOptions, output: BenchOutput): Promise<Backend> {
  if (threads?.[0] !== undefined) return createCpuBackend({ threads: threads[0] });
  const { backend, reason } = await selectBackend(
    candidatesFor({ backend: wanted ?? 'auto' }),
    onlyBackend(wanted ?? 'auto'),
  );
  output.error(`Backend: ${backend.name} (${backend.info.device}); ${reason}\n`);
  return backend;
}

/** The result that `--out` holds, when it is of the same tasks; null when there is none yet. */
async function readBefore(
  out: string | undefined,
  settings: TaskSettings,
  tasks: readonly Task[],
): Promise<QualityResult | null> {
  if (out === undefined) {
    throw new InvalidArgumentError({ what: '--resume needs the file to go on with.', fix: 'give it as --out FILE' });
  }
  if (!existsSync(out)) return null;
  const before = parseQuality(parseJson(out, await readFile(out, 'utf8')), out);
  if (before.tasks === null) return before;
  const wanted = JSON.stringify({ settings, tasks: tasks.map(taskFacts) });
  const got = JSON.stringify({ settings: before.tasks.settings, tasks: before.tasks.tasks });
  if (got === wanted) return before;
  throw new InvalidArgumentError({
    what: `${out} holds rows of other settings.`,
    got,
    expected: wanted,
    fix: 'give the same --tasks and --steps, or another file',
  });
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidFileError({ what: `${file} is not JSON.`, got, fix: 'give another file as --out', cause });
  }
}

/** The command that repeats the bench, every setting spelled out. */
function commandLine(settings: {
  readonly models: readonly string[];
  readonly text: string | undefined;
  readonly lengths: readonly number[];
  readonly targets: number;
  readonly selfUpTo: number;
  readonly settings: TaskSettings;
  readonly tasks: readonly Task[];
  readonly backend: Backend;
  readonly threads: readonly number[] | undefined;
}): string {
  const { models, text, lengths, targets, selfUpTo, tasks, backend, threads } = settings;
  return [
    'inattention bench --quality',
    ...(models.length === 0
      ? [`--tasks ${tasks.map(({ name }) => name).join(',')} --steps ${settings.settings.steps}`]
      : [
          `--models ${models.join(',')} --text ${text}`,
          `--lengths ${lengths.map(lengthFlag).join(',')} --targets ${targets} --self-up-to ${lengthFlag(selfUpTo)}`,
        ]),
    `--backend ${backend.name}`,
    ...(threads === undefined ? [] : [`--threads ${threads.join(',')}`]),
  ].join(' ');
}

/** Lines on standard error, the time before each; one at a time on a terminal. */
function rareProgressLines(output: BenchOutput): (what: string) => void {
  const begin = performance.now();
  let told = Number.NEGATIVE_INFINITY;
  let topic = '';
  return (what) => {
    const now = performance.now();
    const [measured = ''] = what.split(/: (?=step|\d)/);
    if (now - told < (output.interactive ? 200 : quiet) && measured === topic) return;
    [told, topic] = [now, measured];
    output.error(
      `${output.interactive ? '\r\u001b[K' : ''}${((now - begin) / 1000).toFixed(0)} s: ${what}${output.interactive ? '' : '\n'}`,
    );
  };
}

function toJson(result: QualityResult): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}
