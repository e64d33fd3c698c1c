/**
 * A training step over losses of K positions of a text of N, beside steps over all positions, in interleaved rounds. Each
 * kind of step has a model and an optimizer of its own; all take the same text. Peaks are those of the ledger.
 */

import { type Backend, BackendFailedError, throwIfAborted } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { createModel } from '@inattention/model';
import { type Batch, planTraining, samplePositions, Trainer, type TrainingPlanOptions } from '@inattention/train';
import { configOf, type Shape } from '../shapes.ts';
import { median } from '../statistics.ts';
import { measureGemm } from '../sweep/gemm.ts';
import type { SweepDocument } from '../sweep/sweep.ts';
import {
  type LengthRow,
  type PositionsResult,
  positionsResultSchema,
  type StepKind,
  type StepRow,
} from './positions-result.ts';

interface PositionsBenchOptions {
  readonly backend: Backend;
  readonly shape: Shape;
  readonly window: number;
  /** K */
  readonly positions: number;
  readonly lengths: readonly number[];
  /** At least one id more than the longest length. */
  readonly text: SweepDocument;
  readonly rounds: number;
  readonly fullUpTo: number;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly command: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((what: string) => void) | undefined;
}

/** What is measured at a length. */
interface Contestant {
  readonly kind: StepKind;
  readonly config: ModelConfig;
  readonly batch: Batch;
  readonly lossTerms: number;
  readonly plan: StepPlan;
  readonly runs: boolean;
}

type StepPlan = TrainingPlanOptions & Required<Pick<TrainingPlanOptions, 'context' | 'documents'>>;

const schedule = { kind: 'constant', peak: 1e-3 } as const;

/** Throws AbortedError, and BudgetExceededError where even the least step does not fit the backend. */
export async function runPositions(options: PositionsBenchOptions): Promise<PositionsResult> {
  const { backend, shape, window, positions, lengths, text, rounds, fullUpTo, environment, command } = options;
  const created = new Date().toISOString();
  const rows: LengthRow[] = [];
  for (const length of lengths) rows.push(await measureLength(options, length));
  using model = createModel(configOf(shape, 'inattention', window), backend);
  return {
    schema: positionsResultSchema,
    ...{ created, command, environment, window, positions, rounds, fullUpTo },
    backend: { name: backend.name, device: backend.info.device },
    shape: shape.name,
    parameters: model.parameters,
    text: { title: text.title, tokenizer: text.tokenizer },
    gemmRate: await measureGemm(backend),
    rows,
  };
}

/** All kinds of steps at a length, in interleaved rounds: a step of each to warm up, then as many as there are rounds. */
async function measureLength(options: PositionsBenchOptions, length: number): Promise<LengthRow> {
  const { backend, text, rounds, positions, signal, onProgress } = options;
  const entrants: Entrant[] = [];
  const rows: (StepRow | Entrant)[] = [];
  try {
    for (const contestant of contestantsOf(options, length)) {
      const { config, plan, kind, lossTerms } = contestant;
      const { peakBytes: plannedBytes, fits } = await planTraining(config, { ...plan, checkpointing: 'none', backend });
      if (contestant.runs && fits) {
        const entrant = enter(backend, contestant, plannedBytes);
        entrants.push(entrant);
        rows.push(entrant);
      } else rows.push({ kind, lossTerms, ...notRun, plannedBytes });
    }
    for (let round = 0; round <= rounds; round += 1) {
      onProgress?.(`${length} positions: ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}`);
      for (const entrant of entrants) {
        throwIfAborted(signal, 'The bench');
        await turn(backend, entrant, round > 0);
      }
      if (round === 0) checkLosses(entrants, length);
    }
    const steps = rows.map((row) => ('trainer' in row ? stepRow(row, Math.min(positions, length)) : row));
    return { length, distinct: new Set(text.ids.subarray(0, length)).size, steps };
  } finally {
    for (const { trainer } of entrants) {
      trainer.dispose();
      trainer.model.dispose();
    }
  }
}

const notRun = { stepMs: null, equalTermsMs: null, peakBytes: null, steps: 0 };

/** A contestant with its model and what has been measured of it. */
interface Entrant extends Contestant {
  readonly trainer: Trainer;
  /** Bytes of its model and optimizer between steps. */
  readonly residentBytes: number;
  readonly plannedBytes: number;
  readonly times: number[];
  readonly losses: number[];
  peakBytes: number;
}

function enter(backend: Backend, contestant: Contestant, plannedBytes: number): Entrant {
  const before = backend.ledger.snapshot().liveTotal;
  const { context, documents } = contestant.plan;
  const model = createModel(contestant.config, backend, { seed: 1 });
  const trainer = new Trainer(model, { schedule, checkpointing: 'none', context, documents });
  const residentBytes = backend.ledger.snapshot().liveTotal - before;
  return { ...contestant, trainer, residentBytes, plannedBytes, times: [], losses: [], peakBytes: 0 };
}

async function turn(backend: Backend, entrant: Entrant, timed: boolean): Promise<void> {
  const { trainer, batch, times, losses, residentBytes } = entrant;
  backend.ledger.resetPeak();
  const before = backend.ledger.snapshot().liveTotal;
  const begin = performance.now();
  const { loss } = await trainer.step([batch]);
  await backend.sync();
  if (timed) times.push(performance.now() - begin);
  losses.push(loss);
  entrant.peakBytes = Math.max(entrant.peakBytes, residentBytes + backend.ledger.snapshot().peakLive - before);
}

/** Both ways to keep keys and values must compute the same. Throws BackendFailedError when they do not. */
function checkLosses(entrants: readonly Entrant[], length: number): void {
  const [tables, dense] = (['tables', 'dense'] as const).map(
    (kind) => entrants.find((entrant) => entrant.kind === kind)?.losses[0],
  );
  if (tables === undefined || dense === undefined || Math.abs(tables - dense) < 1e-3) return;
  throw new BackendFailedError({
    what: `Losses of chosen positions of ${length} differ by how keys and values are kept.`,
    got: `${tables} by table row, ${dense} by position`,
  });
}

function stepRow({ kind, lossTerms, times, peakBytes, plannedBytes }: Entrant, terms: number): StepRow {
  const stepMs = median(times);
  const equalTermsMs = (stepMs * terms) / lossTerms;
  return { kind, lossTerms, stepMs, equalTermsMs, peakBytes, plannedBytes, steps: times.length };
}

function contestantsOf(options: PositionsBenchOptions, length: number): Contestant[] {
  const { shape, window, text, positions, fullUpTo } = options;
  const some = Math.min(positions, length);
  const documentStarts = new Int32Array(0);
  const tokens = text.ids.subarray(0, length + 1);
  const chosen = { texts: [{ tokens, documentStarts, positions: samplePositions(length, some, 1) }] };
  const all = { texts: [{ tokens, documentStarts }] };
  const short = { texts: [{ tokens: text.ids.subarray(0, some + 1), documentStarts }] };
  const plan = (context: 'tables' | 'dense', of: number, losses: number) => {
    const distinct = new Set(text.ids.subarray(0, of)).size;
    return { batch: 1, length: of, positions: losses, distinct, context, documents: 'joined' } as const;
  };
  const runs = length <= fullUpTo;
  const config = configOf(shape, 'inattention', window);
  const self = configOf(shape, 'self', window);
  const ofAll = { batch: all, lossTerms: length, plan: plan('dense', length, length), runs };
  return [
    { kind: 'tables', config, batch: chosen, lossTerms: some, plan: plan('tables', length, some), runs: true },
    { kind: 'dense', config, batch: chosen, lossTerms: some, plan: plan('dense', length, some), runs: true },
    { kind: 'full', config, ...ofAll },
    { kind: 'full-self', config: self, ...ofAll },
    { kind: 'short', config, batch: short, lossTerms: some, plan: plan('dense', some, some), runs: true },
  ];
}
