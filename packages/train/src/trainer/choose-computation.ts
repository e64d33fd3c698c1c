/**
 * How the steps of a run are computed: where keys and values are kept, and how many layers are computed again for their
 * gradients. What is chosen for a batch depends on its sizes and the settings alone, so that a run that is resumed goes on
 * as it would have.
 */

import { BudgetExceededError, InvalidArgumentError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import type { Model } from '@inattention/model';
import type { Batch } from '../data/batch-source.ts';
import { planTraining, type TrainingPlan } from '../plan/plan-training.ts';
import { type BatchContextKind, type ComputeOptions, contextKindOf } from '../step/compute-options.ts';
import { parametersOf, sharedTensors } from '../step/parameters.ts';
import { segmentsOfBatch } from '../step/segments.ts';
import { distinctIds } from '../step/table-rows.ts';
import { isTrained } from '../step/trained-parameters.ts';
import { switchedTypes } from '../switching/switching.ts';
import type { TrainingSettings } from './saved-training.ts';

/** What of a step's batches decides its memory. */
interface StepSizes {
  /** Texts of a batch, at most. */
  readonly batch: number;
  readonly length: number;
  readonly positions: number;
  readonly distinct: number;
  readonly accumulate: number;
}

export class ComputationChooser {
  readonly #model: Model;
  readonly #settings: TrainingSettings;
  readonly #teacher: Model | null;
  /** Plans by what they were made for. */
  readonly #plans = new Map<string, TrainingPlan>();

  /** Throws InvalidArgumentError for a budget that is none. */
  constructor(model: Model, settings: TrainingSettings, teacher: Model | null) {
    this.#model = model;
    this.#settings = settings;
    this.#teacher = teacher;
    const { memoryBudget } = settings;
    if (memoryBudget === undefined || (Number.isSafeInteger(memoryBudget) && memoryBudget > 0)) return;
    throw new InvalidArgumentError({
      what: 'memoryBudget is a number of bytes.',
      got: String(memoryBudget),
      expected: 'a whole number above 0',
    });
  }

  /**
   * The options of a step over `batches` with the layers of `config`. Throws BudgetExceededError when it would take more than the budget whatever is
   * chosen, and what `segmentsOfBatch` throws for batches that the model cannot be trained on.
   */
  async optionsFor(batches: readonly Batch[], config: ModelConfig): Promise<ComputeOptions> {
    const { documents = 'separate', context = 'auto', checkpointing = 'auto' } = this.#settings;
    const { attentionTypes } = config;
    const { memoryBudget = this.#model.backend.capabilities.maxTotalBytes } = this.#settings;
    if (!Number.isFinite(memoryBudget) || batches.length === 0) {
      return {
        attentionTypes,
        documents,
        context,
        checkpointedLayers: checkpointing === 'layers' ? config.numHiddenLayers : 0,
      };
    }
    const segments = batches.map((batch) => segmentsOfBatch(batch, config, documents));
    const kinds = new Set(segments.map((own) => contextKindOf(config, own, { context })));
    const first: BatchContextKind = kinds.has('dense') ? 'dense' : 'tables';
    const sizes = sizesOf(batches, config, Math.max(...segments.map((own) => distinctIds(own).length)));
    const plan = await this.#plan(config, sizes, first, memoryBudget);
    if (plan.fits) return { attentionTypes, documents, context: first, checkpointedLayers: plan.checkpointedLayers };
    const others = context === 'auto' && !config.attentionTypes.slice(1).includes('self');
    const second = others
      ? await this.#plan(config, sizes, first === 'dense' ? 'tables' : 'dense', memoryBudget)
      : plan;
    const least = second.fits || second.peakBytes < plan.peakBytes ? second : plan;
    // What a backend has is no budget: it may have as little scratch as its kernels take.
    const needed = least.peakBytes - (this.#settings.memoryBudget === undefined ? least.kernelScratchBytes : 0);
    if (needed > memoryBudget) throw tooMuch(needed, sizes, memoryBudget);
    return { attentionTypes, documents, context: least.context, checkpointedLayers: least.checkpointedLayers };
  }

  async #plan(
    config: ModelConfig,
    sizes: StepSizes,
    context: BatchContextKind,
    memoryBudget: number,
  ): Promise<TrainingPlan> {
    const key = JSON.stringify([sizes, context, config.attentionTypes]);
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const { documents = 'separate', checkpointing = 'auto', trained = 'all', switching, distillation } = this.#settings;
    const { backend } = this.#model;
    const teacher = this.#teacher;
    const plan = await planTraining(config, {
      ...{ ...sizes, documents, context, checkpointing, memoryBudget, backend, trained },
      ...(switching !== undefined && { switching }),
      ...(teacher !== null && {
        distillation: { ...distillation, teacher: teacher.config, shared: this.#shares(teacher) },
      }),
    });
    this.#plans.set(key, plan);
    return plan;
  }

  /** Whether what is not trained is the teacher's own. */
  #shares(teacher: Model): boolean {
    const { trained = 'all', switching } = this.#settings;
    const { attentionTypes: types } = this.#model.config;
    const last = { attentionTypes: switching === undefined ? types : switchedTypes(types, switching) };
    const shared = sharedTensors(this.#model, teacher);
    return parametersOf(this.#model).every(({ name }) => shared.has(name) || isTrained(name, last, trained));
  }
}

/** Sizes of a step's batches; where texts differ they are rounded up, so that few plans serve them all. */
function sizesOf(batches: readonly Batch[], config: ModelConfig, distinct: number): StepSizes {
  const texts = batches.flatMap((batch) => batch.texts);
  const lengths = texts.map(({ tokens }) => tokens.length - 1);
  const counts = texts.map(({ positions }, number) => positions?.length ?? (lengths[number] as number));
  const most = (numbers: readonly number[]) => {
    const largest = Math.max(...numbers);
    return numbers.every((number) => number === largest) ? largest : roundUp(largest);
  };
  const longest = config.positionEmbeddingType === 'learned' ? config.maxPositionEmbeddings : Number.POSITIVE_INFINITY;
  const length = Math.min(longest, most(lengths));
  const positions = Math.min(length, most(counts));
  const batch = Math.max(...batches.map((own) => own.texts.length));
  return {
    batch,
    length,
    positions,
    distinct: Math.min(config.vocabSize, roundUp(distinct)),
    accumulate: batches.length,
  };
}

/** Up to the next of eight steps in each doubling. */
function roundUp(count: number): number {
  const step = Math.max(1, 2 ** (Math.floor(Math.log2(count)) - 3));
  return Math.ceil(count / step) * step;
}

function tooMuch(requiredBytes: number, sizes: StepSizes, budgetBytes: number): BudgetExceededError {
  const { batch, length, positions, accumulate } = sizes;
  const counted = positions < length ? `, losses of ${positions}` : '';
  return new BudgetExceededError({
    what: 'A step of training would exceed the memory budget.',
    got: `${requiredBytes} bytes for ${batch} texts of ${length} positions${counted}${accumulate > 1 ? `, ${accumulate} batches` : ''}`,
    expected: `at most ${budgetBytes} bytes`,
    fix: 'take smaller batches and accumulate them, shorter texts, or losses of fewer positions; or raise the budget',
    requiredBytes,
    budgetBytes,
  });
}
