/**
 * What switching layers of a model to inattention costs, and what healing brings back: loss on a held-out text with each
 * layer switched alone and with all up to it, then, layer after layer, before and after some steps of distillation from
 * the model as it was. The weights are loaded once; what is not trained is shared between original and student.
 */

import { type Backend, InvalidArgumentError, throwIfAborted } from '@inattention/core';
import type { AttentionType } from '@inattention/core/math';
import { type Model, yieldToEventLoop } from '@inattention/model';
import {
  type Batch,
  type BatchSource,
  deriveModel,
  evaluateBatch,
  exampleBatches,
  isTrained,
  packedExamples,
  planTraining,
  switchedTypes,
  type TokenData,
  Trainer,
} from '@inattention/train';
import {
  type HealedRow,
  type HealingSettings,
  type SwitchedRow,
  type SwitchingResult,
  switchingSchema,
} from './switching-result.ts';

export interface SwitchingOptions {
  /** In f32. */
  readonly model: Model;
  readonly name: string;
  /** Held out: N + 1 ids for the losses of N. */
  readonly tokens: Int32Array;
  readonly text: string;
  /** Which layers are measured alone and with all below. Default: all. */
  readonly layers?: readonly number[];
  readonly healing?: {
    readonly settings: HealingSettings;
    readonly data: TokenData;
    /** What the data are, for people. */
    readonly text: string;
  } | null;
  readonly environment?: SwitchingResult['environment'];
  readonly command?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (what: string) => void;
  /** Given what was measured so far after each measurement. */
  readonly onPartial?: (result: SwitchingResult) => void;
}

/** Measures. Throws what training and evaluation throw, and AbortedError; what was measured before was given to `onPartial`. */
export async function runSwitching(options: SwitchingOptions): Promise<SwitchingResult> {
  const { model, name, tokens, text, healing = null, signal, onProgress, onPartial } = options;
  const { backend, config, parameters } = model;
  const types = config.attentionTypes;
  const layers = options.layers ?? types.map((_, layer) => layer);
  const heldOut: Batch = { texts: [{ tokens, documentStarts: new Int32Array(0) }] };
  const lossOf = async (of: Model, attentionTypes: readonly AttentionType[]): Promise<number> => {
    await yieldToEventLoop();
    throwIfAborted(signal, 'The bench of switching');
    return (await evaluateBatch(of, heldOut, { attentionTypes, documents: 'joined' })).loss;
  };
  const original = await lossOf(model, types);
  onProgress?.(`nothing switched: ${original.toFixed(4)} nats`);
  let result: SwitchingResult = {
    schema: switchingSchema,
    created: new Date().toISOString(),
    ...(options.command !== undefined && { command: options.command }),
    environment: options.environment ?? {},
    backend: backend.name,
    device: backend.info.device,
    model: { name, parameters, layers: config.numHiddenLayers },
    text: { name: text, tokens: tokens.length - 1 },
    original,
    rows: [],
    healing: null,
  };
  const add = (more: Partial<SwitchingResult>): void => {
    result = { ...result, ...more };
    onPartial?.({ ...result, interrupted: 'It ended early.' });
  };
  for (const layer of layers) {
    const below = Array.from({ length: layer + 1 }, (_, number) => number);
    const alone = await lossOf(model, switchedTypes(types, { layers: [layer] }));
    const cumulative = layer === 0 ? alone : await lossOf(model, switchedTypes(types, { layers: below }));
    const row: SwitchedRow = { layer, alone, cumulative };
    add({ rows: [...result.rows, row] });
    onProgress?.(`layer ${layer}: alone ${alone.toFixed(4)}, 0 to it ${cumulative.toFixed(4)}`);
  }
  if (healing !== null) await heal(healing, { model, backend, signal, lossOf, add, onProgress });
  return result;
}

interface Healing {
  readonly model: Model;
  readonly backend: Backend;
  readonly signal: AbortSignal | undefined;
  readonly lossOf: (of: Model, attentionTypes: readonly AttentionType[]) => Promise<number>;
  readonly add: (more: Partial<SwitchingResult>) => void;
  readonly onProgress: ((what: string) => void) | undefined;
}

/** Switches one layer after another, with steps of distillation between. */
async function heal(
  { settings, data, text: name }: NonNullable<SwitchingOptions['healing']>,
  { model, backend, signal, lossOf, add, onProgress }: Healing,
): Promise<void> {
  const { layers, steps, length, learningRate, temperature, weight, seed } = settings;
  const { config } = model;
  const switching = { layers, every: steps };
  const last = switchedTypes(config.attentionTypes, switching);
  const distillation = { temperature, weight };
  const [first] = layers;
  const plan = await planTraining(
    { ...config, attentionTypes: last },
    {
      ...{ batch: 1, length, documents: 'joined', trained: 'switched', context: 'dense', checkpointing: 'none' },
      ...{ backend, distillation: { ...distillation, teacher: config, shared: true } },
    },
  );
  if (first === undefined) return;
  const { liveTotal, live } = backend.ledger.snapshot();
  const others = liveTotal - live.weights; // what is there besides the model, which the plan counts too
  let peakBytes = 0;
  using student = await deriveModel(model, config, {
    copied: (name) => isTrained(name, { attentionTypes: last }, 'switched'),
  });
  const warmupSteps = Math.min(10, Math.floor(steps / 10));
  using trainer = new Trainer(
    student,
    {
      schedule: { kind: 'constant', peak: learningRate, warmupSteps },
      optimizer: { weightDecay: 0 },
      ...{ documents: 'joined', context: 'dense', checkpointing: 'none', trained: 'switched', switching, distillation },
    },
    model,
  );
  const source = exampleBatches(packedExamples(data, { length }), { batchSize: 1, seed });
  const rows: HealedRow[] = [];
  for (const [place, layer] of layers.entries()) {
    const types = switchedTypes(config.attentionTypes, switching, place + 1);
    const atFirst = await lossOf(student, types);
    onProgress?.(`layer ${layer} switched too: ${atFirst.toFixed(4)}`);
    const begin = performance.now();
    const losses: number[] = [];
    backend.ledger.resetPeak();
    for (let step = 0; step < steps; step += 1) {
      throwIfAborted(signal, 'The bench of switching');
      losses.push((await trainer.step([await nextBatch(source, signal)])).loss);
      onProgress?.(`layer ${layer}: step ${step + 1} of ${steps}, loss ${(losses.at(-1) as number).toFixed(4)}`);
    }
    const seconds = (performance.now() - begin) / 1000;
    peakBytes = Math.max(peakBytes, backend.ledger.snapshot().peakLive - others);
    const after = await lossOf(student, types);
    onProgress?.(`layer ${layer}: ${after.toFixed(4)} after ${steps} steps, ${seconds.toFixed(0)} s`);
    const ends = losses.slice(-Math.ceil(steps / 5));
    const trainingLoss = ends.reduce((sum, loss) => sum + loss, 0) / ends.length;
    rows.push({ layer, before: atFirst, after, steps, trainingLoss: Math.max(0, trainingLoss), seconds });
    const text = { name, tokens: data.tokenCount };
    add({ healing: { settings, text, peakBytes, plannedBytes: plan.peakBytes, rows: [...rows] } });
  }
}

async function nextBatch(source: BatchSource, signal: AbortSignal | undefined): Promise<Batch> {
  const batch = await source.next(signal);
  if (batch !== null) return batch;
  throw new InvalidArgumentError({
    what: 'The text to heal on ended before the steps did.',
    fix: 'give more text, or fewer steps',
  });
}
