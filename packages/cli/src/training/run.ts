/**
 * A training run in a folder: run.json (the flags), tokenizer.json, data.tokens, metrics.jsonl, checkpoints/, and at the
 * end config.json and model.safetensors, so that the folder is a model's. What cannot be trained on is refused before the
 * first of these is written or, where only the tokens tell, leaves the folder as it was.
 */

import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { backendCandidates, onlyBackend } from '@inattention/bench';
import { InvalidArgumentError, selectBackend } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { openModelFiles } from '@inattention/formats';
import { openDirectory } from '@inattention/formats/node';
import {
  type CheckpointStore,
  checkSchedule,
  describePositions,
  extendContext,
  type SavedTraining,
  type TrainingEvent,
  train,
} from '@inattention/train';
import {
  appendMetrics,
  createCheckpointStore,
  latestCheckpoint,
  openCheckpoint,
  writeModelFolder,
} from '@inattention/train/node';
import type { Terminal } from '../terminal.ts';
import { batchesOf, openSources, openTokenData, type RunData, tokensFile } from './open-data.ts';
import { newConfig, newModel, openModel } from './open-model.ts';
import { openRunTokenizer, type RunTokenizer } from './open-tokenizer.ts';
import { expectFits, planRun } from './plan-run.ts';
import { RunReport } from './report.ts';
import { type RunSettings, runFile, scheduleOf } from './run-settings.ts';

const checkpointFolder = 'checkpoints';

/** What a run came to, for --json. */
export interface RunResult {
  readonly steps: number;
  readonly loss: number | null;
  readonly smoothedLoss: number | null;
  readonly validationLoss: number | null;
  readonly tokens: number;
  readonly tokensPerSecond: number | null;
  readonly parameters: number;
  readonly out: string;
  readonly backend: string;
  readonly device: string;
}

/** Begins a run in a folder, or goes on with it. */
export async function runTraining(
  out: string,
  settings: RunSettings,
  resume: boolean,
  terminal: Terminal,
): Promise<RunResult> {
  checkSchedule(scheduleOf(settings));
  const checkpoint = await latestCheckpoint(join(out, checkpointFolder));
  if (!resume) checkFree(out, checkpoint !== null || existsSync(join(out, runFile)));
  const sources = await openSources(settings);
  const base = settings.from === undefined ? null : await openModelFiles(await openDirectory(settings.from));
  const extended = base === null ? null : extendContext(base.config, settings.contextLength, settings.ropeScaling);
  if (base !== null && extended !== null && checkpoint === null) tellPositions(base.config, extended, terminal);
  const prepared = await prepare(out, settings, terminal, async () => {
    const tokenizer = await openRunTokenizer(out, settings, base, sources, terminal);
    const config = extended ?? newConfig(settings, tokenizer.tokenizer);
    expectFits(await planRun(config, settings), settings);
    await mkdir(out, { recursive: true });
    const tokens = await openTokenData(out, settings, sources, tokenizer.tokenizer, terminal);
    return { tokenizer, config, data: await batchesOf(tokens, settings, terminal.signal) };
  });
  const { backend } = await selectBackend(backendCandidates({ only: settings.backend }), onlyBackend(settings.backend));
  const folder = checkpoint?.path ?? settings.from;
  try {
    expectFits(await planRun(prepared.config, settings, backend), settings);
    using model =
      folder === undefined
        ? newModel(prepared.config, backend, settings)
        : await openModel(folder, checkpoint === null ? prepared.config : null, backend, terminal);
    const saved = checkpoint === null ? undefined : await openCheckpoint(checkpoint.path);
    await keepRun(out, settings, prepared.tokenizer);
    const report = new RunReport(terminal, settings.steps);
    const last = await steps(out, settings, prepared, { model, report, terminal, ...(saved && { saved }) });
    const count = last?.step ?? saved?.progress.step ?? 0;
    return {
      steps: count,
      loss: last?.loss ?? saved?.progress.loss ?? null,
      smoothedLoss: last === undefined ? null : report.smoothedLoss,
      validationLoss: last?.validation?.loss ?? null,
      tokens: report.tokens,
      tokensPerSecond: last === undefined ? null : report.tokens / report.seconds,
      parameters: model.parameters,
      out,
      backend: backend.name,
      device: backend.info.device,
    };
  } finally {
    backend.dispose();
  }
}

interface Prepared {
  readonly tokenizer: RunTokenizer;
  readonly data: RunData;
}

/** The steps of the run; its last, when there was one. */
async function steps(
  out: string,
  settings: RunSettings,
  { data, tokenizer }: Prepared,
  run: {
    readonly model: Parameters<typeof train>[0]['model'];
    readonly report: RunReport;
    readonly terminal: Terminal;
    readonly saved?: SavedTraining;
  },
): Promise<TrainingEvent | undefined> {
  const { model, report, terminal, saved } = run;
  const { evaluateEvery, evaluateBatches, checkpointEvery, keep } = settings;
  const files = new Map(tokenizer.file === null ? [] : [['tokenizer.json', tokenizer.file] as const]);
  const folders = createCheckpointStore(join(out, checkpointFolder), { keep, files });
  /** The model as it was kept last is the model of the run's folder. */
  const store: CheckpointStore = {
    async save(state) {
      const name = await folders.save(state);
      if (state.progress.step === settings.steps) await writeModelFolder(out, state, { files });
      return name;
    },
  };
  const observers = [await appendMetrics(join(out, 'metrics.jsonl'), saved?.progress.step ?? 0)];
  let last: TrainingEvent | undefined;
  try {
    for await (const event of train({
      model,
      data: data.train,
      steps: settings.steps,
      schedule: scheduleOf(settings),
      optimizer: { weightDecay: settings.weightDecay },
      clipNorm: settings.clip === 0 ? null : settings.clip,
      accumulate: settings.accumulate,
      documents: settings.documents,
      ...(settings.context !== undefined && { context: settings.context }),
      ...(settings.checkpointing !== undefined && { checkpointing: settings.checkpointing }),
      ...(settings.memory !== undefined && { memoryBudget: settings.memory }),
      checkpoints: { store, every: checkpointEvery },
      observers,
      signal: terminal.signal,
      ...(data.validation !== null && {
        evaluation: { source: data.validation, every: evaluateEvery, batches: evaluateBatches },
      }),
      ...(saved !== undefined && { resume: saved }),
    })) {
      last = event;
      report.step(event);
    }
    return last;
  } finally {
    report.stop();
  }
}

/** Says how positions reach a length beyond the model's. */
function tellPositions(before: ModelConfig, after: ModelConfig, terminal: Terminal): void {
  const lengths = `${before.maxPositionEmbeddings} to ${after.maxPositionEmbeddings}`;
  if (before !== after) terminal.error(`positions from ${lengths}: ${describePositions(after)}\n`);
}

function checkFree(out: string, taken: boolean): void {
  if (!taken) return;
  throw new InvalidArgumentError({
    what: `${out} holds a run already.`,
    fix: 'go on with it (--resume), or give another folder',
  });
}

/** Runs `work`; when it fails, what it has made of the folder goes. */
async function prepare<T>(out: string, { data }: RunSettings, terminal: Terminal, work: () => Promise<T>): Promise<T> {
  const wasThere = existsSync(out);
  const hadTokens = existsSync(join(out, tokensFile));
  terminal.error(`reading ${data.join(', ')}\n`);
  try {
    return await work();
  } catch (error) {
    if (!hadTokens) await rm(join(out, tokensFile), { force: true });
    if (!wasThere && existsSync(out) && (await readdir(out)).length === 0) await rmdir(out);
    throw error;
  }
}

async function keepRun(out: string, settings: RunSettings, { file }: RunTokenizer): Promise<void> {
  await writeFile(join(out, runFile), `${JSON.stringify(settings, null, 2)}\n`);
  if (file !== null) await writeFile(join(out, 'tokenizer.json'), file);
}
