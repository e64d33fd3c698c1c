/**
 * What a training run takes in memory, known before there is any: the very steps, on a backend that only counts, over the
 * batch of the wanted sizes that takes the most. What a step takes depends on a batch's sizes, on how many distinct ids it
 * has, and on where the positions are whose losses count: most are assumed, and positions at the end, which see all.
 *
 * Kernels take scratch of their own for a while, which no operation asks for: it is bounded (`kernelScratchBytes`), not
 * counted.
 */

import { type Backend, EagerOperations, InvalidArgumentError, type Purpose, purposes, Tensor } from '@inattention/core';
import { consecutive, type ModelConfig } from '@inattention/core/math';
import { expectedTensors } from '@inattention/formats';
import { collectWeights, Model } from '@inattention/model';
import type { Batch, TrainingText } from '../data/batch-source.ts';
import { AdamW } from '../optimizer/adamw.ts';
import { readStepReport } from '../optimizer/step-report.ts';
import { type BatchContextKind, contextKindOf } from '../step/compute-options.ts';
import { checkDistillationSettings, type DistillationSettings } from '../step/distillation.ts';
import { evaluateBatch } from '../step/evaluate.ts';
import { computeGradients } from '../step/gradients.ts';
import { type DocumentMask, segmentsOfBatch } from '../step/segments.ts';
import { isTrained, type TrainedPart, trainedParameters } from '../step/trained-parameters.ts';
import { deriveModel } from '../switching/derive-model.ts';
import { type Switching, switchedTypes } from '../switching/switching.ts';
import { type BackendTraits, createCountingBackend } from './counting-backend.ts';

/** How much of the activations is kept between the forward and the backward pass. */
export type Checkpointing = 'auto' | 'layers' | 'none';

export interface TrainingPlanOptions {
  /** Texts of a batch. */
  readonly batch: number;
  /** Positions of a text. */
  readonly length: number;
  /** Positions of a text whose losses count. Default: all. */
  readonly positions?: number;
  /** Distinct ids of a batch, at most. Default: as many as there are. */
  readonly distinct?: number;
  readonly accumulate?: number;
  readonly documents?: DocumentMask;
  /** Default auto: as `ComputeOptions.context`, or the other where only that fits the budget. */
  readonly context?: BatchContextKind | 'auto';
  /** Default auto: as few layers computed again as fit the budget. */
  readonly checkpointing?: Checkpointing;
  /** Bytes that a run may take in all. Default: what the backend can hold. */
  readonly memoryBudget?: number;
  /** Which parameters change. Default all. */
  readonly trained?: TrainedPart;
  /** Layers that are switched in the course of the run: the plan is of steps with the layers of `config`. */
  readonly switching?: Switching;
  /** A teacher of this configuration, in f32; `shared`: what is not trained is the teacher's own (`deriveModel`). */
  readonly distillation?: DistillationSettings & { readonly teacher: ModelConfig; readonly shared?: boolean };
  /** The backend to train on. Default: one that has every operation fused, and no end. */
  readonly backend?: BackendTraits;
}

export interface TrainingPlan {
  readonly context: BatchContextKind;
  /** Layers that are computed again for their gradients. */
  readonly checkpointedLayers: number;
  /** `bytes` and the scratch of kernels. The ledger's peak of a run does not exceed it on the CPU backend. */
  readonly peakBytes: number;
  /** Bytes by what they are for, when they are most. */
  readonly bytes: Readonly<Record<Purpose, number>>;
  /** What kernels take for a while besides, at most. */
  readonly kernelScratchBytes: number;
  /** null: no limit. */
  readonly memoryBudget: number | null;
  readonly fits: boolean;
}

/**
 * What kernels take at once, at most: threads' panels, blocks of scores, partial sums. Tested on the CPU backend; kernels of
 * others say what they take themselves, and for large products it can be more.
 */
export const kernelScratchBytes = 16 * 2 ** 20;

/**
 * The way to compute that is the least work among those within the budget, with its bytes; when none is, the one that
 * takes least. Throws InvalidArgumentError for sizes that cannot be, UnsupportedError for a way that the model cannot be
 * computed in.
 */
export async function planTraining(config: ModelConfig, options: TrainingPlanOptions): Promise<TrainingPlan> {
  checkOptions(config, options);
  const { checkpointing = 'auto', backend = everythingFused } = options;
  const limit = options.memoryBudget ?? backend.capabilities.maxTotalBytes;
  const tried: TrainingPlan[] = [];
  const attempt = async (context: BatchContextKind, checkpointedLayers: number): Promise<TrainingPlan> => {
    const bytes = await countBytes(config, { ...options, context }, checkpointedLayers, backend);
    const counted = purposes.reduce((sum, purpose) => sum + bytes[purpose], 0);
    const peakBytes = counted + kernelScratchBytes;
    const plan: TrainingPlan = {
      ...{ context, checkpointedLayers, peakBytes, bytes, kernelScratchBytes },
      memoryBudget: Number.isFinite(limit) ? limit : null,
      fits: peakBytes <= limit,
    };
    tried.push(plan);
    return plan;
  };
  for (const context of contextsOf(config, options)) {
    if (checkpointing !== 'layers') {
      const plan = await attempt(context, 0);
      if (plan.fits) return plan;
    }
    if (checkpointing === 'none') continue;
    const most = await attempt(context, config.numHiddenLayers);
    if (most.fits) return checkpointing === 'layers' ? most : fewest(most, (count) => attempt(context, count));
  }
  return tried.reduce((least, plan) => (plan.peakBytes < least.peakBytes ? plan : least));
}

/** The plan with the fewest checkpointed layers that fits: more than none, and at most those of `most`, which fits. */
async function fewest(most: TrainingPlan, attempt: (count: number) => Promise<TrainingPlan>): Promise<TrainingPlan> {
  let [tooFew, best] = [0, most];
  while (best.checkpointedLayers - tooFew > 1) {
    const plan = await attempt(Math.floor((tooFew + best.checkpointedLayers) / 2));
    if (plan.fits) best = plan;
    else tooFew = plan.checkpointedLayers;
  }
  return best;
}

/** Kinds of contexts to try, the least work first. */
function contextsOf(config: ModelConfig, options: TrainingPlanOptions): BatchContextKind[] {
  const segments = segmentsOfBatch(batchOf(config, options), config, 'joined');
  const { context = 'auto' } = options;
  const first = contextKindOf(config, segments, { context });
  if (context !== 'auto') return [first];
  if (config.attentionTypes.slice(1).includes('self')) return ['dense'];
  return first === 'dense' ? ['dense', 'tables'] : ['tables', 'dense'];
}

/** Bytes by purpose at the peak of steps and evaluations. */
async function countBytes(
  config: ModelConfig,
  options: TrainingPlanOptions & { readonly context: BatchContextKind },
  checkpointedLayers: number,
  traits: BackendTraits,
): Promise<Record<Purpose, number>> {
  const { context, accumulate = 1, documents = 'separate', trained = 'all', switching } = options;
  const { distillation } = options;
  const backend = createCountingBackend(traits);
  const { attentionTypes } = config;
  const last = switching === undefined ? attentionTypes : switchedTypes(attentionTypes, switching);
  const final = { ...config, attentionTypes: last };
  using teacher = distillation === undefined ? null : emptyModel(distillation.teacher, backend);
  using model =
    teacher === null || distillation?.shared !== true
      ? emptyModel(config, backend)
      : await deriveModel(teacher, config, { copied: (name) => isTrained(name, final, trained) });
  const { weights } = model;
  using optimizer = new AdamW(model.operations, trainedParameters({ weights, config: final }, trained));
  for (const batch of heaviestBatches(config, options)) {
    const batches = Array<Batch>(accumulate).fill(batch);
    const step = computeGradients(model, batches, {
      ...{ documents, context, checkpointedLayers, trained },
      ...(teacher !== null && { distillation: { ...distillation, teacher } }),
    });
    await readStepReport(model.operations, step.loss, step.gradients);
    optimizer.step(step.gradients, 0, 0.5);
    step.dispose();
    await evaluateBatch(model, batch, { documents, context });
  }
  const bytes = { ...backend.ledger.peak.live };
  if (context === 'tables' && documents === 'separate') bytes.activations += sortedRowsSlack(config, options);
  return bytes;
}

/** A batch whose positions all count takes less than one in which a document's first id is foreseen by nobody. */
function heaviestBatches(config: ModelConfig, options: TrainingPlanOptions): Batch[] {
  const batch = batchOf(config, options);
  const { batch: texts, length, positions = length, documents = 'separate' } = options;
  if (documents === 'joined' || positions < length || texts * length === 1) return [batch];
  const [first, ...others] = batch.texts as readonly [TrainingText, ...TrainingText[]];
  return [batch, { texts: [{ ...first, positions: consecutive(0, length - 1) }, ...others] }];
}

/**
 * Documents within texts cut chunks shorter, and shorter chunks name more rows between them: at most two numbers for each
 * (offset, position), and one more for each position.
 */
function sortedRowsSlack({ initialStateWindow }: ModelConfig, { batch, length }: TrainingPlanOptions): number {
  return 4 * batch * length * (2 * initialStateWindow + 1);
}

/** The batch that takes most: ids that are as distinct as they can be, losses at the end of each text. */
function batchOf(
  { vocabSize }: ModelConfig,
  { batch, length, positions = length, distinct = vocabSize }: TrainingPlanOptions,
): Batch {
  const counts = Math.min(positions, length);
  return {
    texts: Array.from({ length: batch }, (_, number) => ({
      tokens: Int32Array.from({ length: length + 1 }, (_, place) => (number * length + place) % distinct),
      documentStarts: new Int32Array(0),
      ...(counts < length && { positions: Int32Array.from({ length: counts }, (_, place) => length - counts + place) }),
    })),
  };
}

/** A model whose parameters are room only. */
function emptyModel(config: ModelConfig, backend: Backend): Model {
  const shapes = expectedTensors(config);
  return new Model({
    operations: new EagerOperations(backend),
    config,
    weights: collectWeights(config, (name) => Tensor.allocate(backend, shapes.get(name) ?? [], 'f32', 'weights')),
    tokenizer: null,
    fingerprint: 'room only',
  });
}

const everythingFused: BackendTraits = {
  fused: Object.fromEntries(
    [
      ...['rmsNorm', 'rmsNormBackward', 'rope', 'swiglu', 'swigluBackward', 'attend', 'attendBackward'],
      ...['attendWeights', 'crossEntropy', 'crossEntropyBackward', 'adamw'],
    ].map((name) => [name, () => undefined]),
  ),
  capabilities: {
    weightDTypes: ['f32'],
    contextDTypes: ['f32'],
    maxBufferBytes: Number.POSITIVE_INFINITY,
    maxTotalBytes: Number.POSITIVE_INFINITY,
  },
};

function checkOptions({ vocabSize }: ModelConfig, options: TrainingPlanOptions): void {
  if (options.distillation !== undefined) checkDistillationSettings(options.distillation);
  const { batch, length, positions, distinct, accumulate, memoryBudget } = options;
  for (const [name, value, most] of [
    ['batch', batch, Number.MAX_SAFE_INTEGER],
    ['length', length, Number.MAX_SAFE_INTEGER],
    ['positions', positions, Number.MAX_SAFE_INTEGER],
    ['distinct', distinct, vocabSize],
    ['accumulate', accumulate, Number.MAX_SAFE_INTEGER],
    ['memoryBudget', memoryBudget, Number.MAX_SAFE_INTEGER],
  ] as const) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= most)) continue;
    throw new InvalidArgumentError({
      what: `planTraining() was given an impossible ${name}.`,
      got: String(value),
      expected: `a whole number from 1 to ${most}`,
    });
  }
}
