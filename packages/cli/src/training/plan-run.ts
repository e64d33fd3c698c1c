/** What a run would take in memory (`--plan`), and the check before it begins. */

import { formatBytes } from '@inattention/bench';
import { type Backend, BudgetExceededError, purposes } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { planTraining, switchedTypes, type TrainingPlan } from '@inattention/train';
import type { Terminal } from '../terminal.ts';
import { newConfig } from './new-config.ts';
import { openFiles, openTeacher } from './open-models.ts';
import { openRunTokenizer } from './open-tokenizer.ts';
import type { RunSettings } from './run-settings.ts';
import { distillationOf, startConfig, switchingOf, teacherPlace } from './switch-settings.ts';

/** The plan of a run before there is one: no data is read, no tokenizer trained. */
export async function planOf(out: string, settings: RunSettings, terminal: Terminal): Promise<TrainingPlan> {
  const { from, tokenizer, vocabSize } = settings;
  if (from !== undefined) {
    const config = startConfig((await openFiles(from, terminal)).config, settings);
    return planRun(config, await openTeacher(settings, terminal), settings);
  }
  const known = tokenizer === undefined ? null : await openRunTokenizer(out, settings, null, null, terminal);
  return planRun(newConfig(settings, known?.tokenizer ?? { vocabSize, eosTokenIds: [] }), null, settings);
}

/**
 * The plan of a run of this configuration, of its steps that take most where layers are switched; `backend`: the one it will
 * run on, where it is known.
 */
export async function planRun(
  config: ModelConfig,
  teacher: ModelConfig | null,
  settings: RunSettings,
  backend?: Backend,
): Promise<TrainingPlan> {
  const { batch, contextLength: length, positions, accumulate, documents, context, checkpointing, memory } = settings;
  const switching = switchingOf(settings);
  const distillation = distillationOf(settings);
  const shared = teacherPlace(settings) === settings.from;
  const options = {
    ...{ batch, length, accumulate, documents },
    ...(context !== undefined && { context }),
    ...(checkpointing !== undefined && { checkpointing }),
    ...(positions !== undefined && positions < length && { positions }),
    ...(memory !== undefined && { memoryBudget: memory }),
    ...(backend !== undefined && { backend }),
    ...(settings.train !== undefined && { trained: settings.train }),
    ...(switching !== null && { switching }),
    ...(distillation !== null && teacher !== null && { distillation: { ...distillation, teacher, shared } }),
  };
  const { attentionTypes } = config;
  let most: TrainingPlan | null = null;
  for (let count = 1; count <= (switching?.layers.length ?? 1); count += 1) {
    const types = switching === null ? attentionTypes : switchedTypes(attentionTypes, switching, count);
    const plan = await planTraining({ ...config, attentionTypes: types }, options);
    if (most === null || plan.peakBytes > most.peakBytes) most = plan;
  }
  return most as TrainingPlan;
}

/**
 * Throws BudgetExceededError for a plan that exceeds --memory, or what the backend has; the latter may have as little
 * scratch as its kernels take.
 */
export function expectFits(
  { peakBytes, kernelScratchBytes, memoryBudget }: TrainingPlan,
  { memory }: RunSettings,
): void {
  const requiredBytes = peakBytes - (memory === undefined ? kernelScratchBytes : 0);
  if (memoryBudget === null || requiredBytes <= memoryBudget) return;
  throw new BudgetExceededError({
    what: 'The run would exceed its memory.',
    got: `${formatBytes(requiredBytes)} (${requiredBytes} bytes)`,
    expected: `at most ${formatBytes(memoryBudget)}`,
    fix: 'take a smaller --batch and --accumulate it, a shorter --context-length or fewer --positions; or raise --memory',
    requiredBytes,
    budgetBytes: memoryBudget,
  });
}

/** A plan for people. */
export function planReport(plan: TrainingPlan, { batch, contextLength, positions }: RunSettings): string {
  const { context, checkpointedLayers, bytes, kernelScratchBytes, peakBytes, memoryBudget, fits } = plan;
  const counted = positions === undefined ? '' : `, losses of ${positions}`;
  const lines = [
    `${batch} texts of ${contextLength} positions${counted}`,
    `keys and values: ${context === 'tables' ? 'a row per offset and id' : 'a row per position'}`,
    `layers computed again for their gradients: ${checkpointedLayers}`,
    ...purposes.filter((purpose) => bytes[purpose] > 0).map((purpose) => `${purpose}: ${formatBytes(bytes[purpose])}`),
    `scratch of kernels, at most: ${formatBytes(kernelScratchBytes)}`,
    `peak, at most: ${formatBytes(peakBytes)}${memoryBudget === null ? '' : ` of ${formatBytes(memoryBudget)}: ${fits ? 'fits' : 'does not fit'}`}`,
  ];
  return `${lines.join('\n')}\n`;
}
