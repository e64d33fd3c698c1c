/** What a run would take in memory (`--plan`), and the check before it begins. */

import { formatBytes } from '@inattention/bench';
import { type Backend, BudgetExceededError, purposes } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { openModelFiles } from '@inattention/formats';
import { openDirectory } from '@inattention/formats/node';
import { planTraining, type TrainingPlan } from '@inattention/train';
import type { Terminal } from '../terminal.ts';
import { newConfig } from './open-model.ts';
import { openRunTokenizer } from './open-tokenizer.ts';
import type { RunSettings } from './run-settings.ts';

/** The plan of a run before there is one: no data is read, no tokenizer trained. */
export async function planOf(out: string, settings: RunSettings, terminal: Terminal): Promise<TrainingPlan> {
  const { from, tokenizer, vocabSize } = settings;
  const base = from === undefined ? null : await openModelFiles(await openDirectory(from));
  if (base !== null) return planRun(base.config, settings);
  const known = tokenizer === undefined ? null : await openRunTokenizer(out, settings, null, null, terminal);
  return planRun(newConfig(settings, known?.tokenizer ?? { vocabSize, eosTokenIds: [] }), settings);
}

/** The plan of a run of this configuration; `backend`: the one it will run on, where it is known. */
export function planRun(config: ModelConfig, settings: RunSettings, backend?: Backend): Promise<TrainingPlan> {
  const { batch, contextLength: length, positions, accumulate, documents, context, checkpointing, memory } = settings;
  return planTraining(config, {
    ...{ batch, length, accumulate, documents },
    ...(context !== undefined && { context }),
    ...(checkpointing !== undefined && { checkpointing }),
    ...(positions !== undefined && positions < length && { positions }),
    ...(memory !== undefined && { memoryBudget: memory }),
    ...(backend !== undefined && { backend }),
  });
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
