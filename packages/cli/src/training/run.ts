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
import type { AttentionType, ModelConfig } from '@inattention/core/math';
import {
  type CheckpointStore,
  checkSchedule,
  describePositions,
  type SavedTraining,
  switchedCount,
  switchedTypes,
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
import { newConfig } from './new-config.ts';
import { batchesOf, openSources, openTokenData, type RunData, tokensFile } from './open-data.ts';
import { openFiles, openModels, openTeacher, type RunModels } from './open-models.ts';
import { openRunTokenizer, type RunTokenizer } from './open-tokenizer.ts';
import { expectFits, planRun } from './plan-run.ts';
import { RunReport } from './report.ts';
import { type RunSettings, runFile, scheduleOf } from './run-settings.ts';
import { distillationOf, startConfig, switchingOf } from './switch-settings.ts';

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
  /** Of the layers, in the end. */
  readonly attentionTypes: readonly AttentionType[];
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
  const base = settings.from === undefined ? null : await openFiles(settings.from, terminal);
  const start = base === null ? null : startConfig(base.config, settings);
  const teacher = await openTeacher(settings, terminal);
  if (base !== null && start !== null && checkpoint === null) tellPositions(base.config, start, terminal);
  const prepared = await prepare(out, settings, terminal, async () => {
    const tokenizer = await openRunTokenizer(out, settings, base, sources, terminal);
    const config = start ?? newConfig(settings, tokenizer.tokenizer);
    expectFits(await planRun(config, teacher, settings), settings);
    const companions = (await base?.companions({ signal: terminal.signal })) ?? new Map<string, Uint8Array>();
    await mkdir(out, { recursive: true });
    const tokens = await openTokenData(out, settings, sources, tokenizer.tokenizer, terminal);
    return { tokenizer, config, companions, data: await batchesOf(tokens, settings, terminal.signal) };
  });
  const { backend } = await selectBackend(backendCandidates({ only: settings.backend }), onlyBackend(settings.backend));
  try {
    expectFits(await planRun(prepared.config, teacher, settings, backend), settings);
    using models = await openModels(settings, prepared.config, checkpoint?.path ?? null, backend, terminal);
    const saved = checkpoint === null ? undefined : await openCheckpoint(checkpoint.path);
    await keepRun(out, settings, prepared.tokenizer);
    const report = new RunReport(terminal, settings.steps);
    const last = await steps(out, settings, prepared, { models, report, terminal, ...(saved && { saved }) });
    const count = last?.step ?? saved?.progress.step ?? 0;
    return {
      steps: count,
      loss: last?.loss ?? saved?.progress.loss ?? null,
      smoothedLoss: last === undefined ? null : report.smoothedLoss,
      validationLoss: last?.validation?.loss ?? null,
      tokens: report.tokens,
      tokensPerSecond: last === undefined ? null : report.tokens / report.seconds,
      parameters: models.model.parameters,
      attentionTypes: typesAfter(models.model.config, settings, count),
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
  /** Small files of the model that the run starts from. */
  readonly companions: ReadonlyMap<string, Uint8Array>;
  readonly data: RunData;
}

/** The steps of the run; its last, when there was one. */
async function steps(
  out: string,
  settings: RunSettings,
  { data, tokenizer, companions }: Prepared,
  run: {
    readonly models: RunModels;
    readonly report: RunReport;
    readonly terminal: Terminal;
    readonly saved?: SavedTraining;
  },
): Promise<TrainingEvent | undefined> {
  const { report, terminal, saved } = run;
  const { model, teacher } = run.models;
  const [distillation, switching] = [distillationOf(settings), switchingOf(settings)];
  const { evaluateEvery, evaluateBatches, checkpointEvery, keep } = settings;
  const files = new Map(companions);
  if (tokenizer.file !== null) files.set('tokenizer.json', tokenizer.file);
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
      ...(settings.train !== undefined && { trained: settings.train }),
      ...(switching !== null && { switching }),
      ...(teacher !== null && distillation !== null && { teacher, distillation }),
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

function typesAfter(config: ModelConfig, settings: RunSettings, step: number): readonly AttentionType[] {
  const switching = switchingOf(settings);
  if (switching === null) return config.attentionTypes;
  return switchedTypes(config.attentionTypes, switching, switchedCount(switching, step));
}

/** Says how positions reach a length beyond the model's. */
function tellPositions(before: ModelConfig, after: ModelConfig, terminal: Terminal): void {
  const lengths = `${before.maxPositionEmbeddings} to ${after.maxPositionEmbeddings}`;
  if (before.maxPositionEmbeddings !== after.maxPositionEmbeddings)
    terminal.error(`positions from ${lengths}: ${describePositions(after)}\n`);
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
