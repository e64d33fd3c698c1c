/**
 * The context sweep, the project's main measurement: InAttention in each context mode against the same-size
 * self-attention model with KV cache and tiled attention, same weights, same dtype, same backend, in one run. Variants
 * take turns within each round; figures are medians. What does not fit is planned, not tried. No Node here: apps run
 * it in the browser.
 */

import { type Backend, throwIfAborted } from '@inattention/core';
import {
  type ContextDType,
  contextModes,
  type PositionEmbeddingType,
  parameterCount,
  type WeightDType,
  weightBytes,
} from '@inattention/core/math';
import { planTable } from '../plan-table.ts';
import {
  resultSchema,
  type SweepResult,
  type SweepText,
  type TextRow,
  type Variant,
  type WarmUpKind,
} from '../result.ts';
import { configOf, type Shape } from '../shapes.ts';
import { Cell } from './cell.ts';
import { measureGemm } from './gemm.ts';
import { isRefusal, type MeasureOptions, measure } from './measure.ts';
import { createSweepModels, residentBytes, type SweepModels } from './models.ts';
import { planRow, whyNot } from './row-plan.ts';

/** A document as token ids of the shape's vocabulary. */
export interface SweepDocument extends SweepText {
  readonly ids: Int32Array;
}

export interface SweepOptions {
  readonly backend: Backend;
  readonly shape: Shape;
  readonly lengths: readonly number[];
  /** Default: the baseline and every mode. */
  readonly variants?: readonly Variant[];
  /** dtype of contexts, the baseline's KV cache too. Default f32. */
  readonly dtype?: ContextDType;
  /** What both models keep their matrices in. Default f32. */
  readonly weightDType?: WeightDType;
  /** w of the InAttention model. The baseline is the plain transformer, w = 1. Default 3. */
  readonly window?: number;
  /** How both models are told positions. Default rope. Learned ones reach to 131,072, tokens that are decoded included. */
  readonly positions?: PositionEmbeddingType;
  readonly text: SweepDocument;
  /** What warm tables have served, whole. */
  readonly warmUpText: SweepDocument;
  /** What that document is beside the text. Default `other`. */
  readonly warmUpKind?: WarmUpKind;
  /** The baseline is run up to this length, and extrapolated beyond. */
  readonly selfUpTo: number;
  /** Rounds per length at most. Default 3. */
  readonly rounds?: number;
  /** A further round of a length is begun only while its rounds together took less than this, in ms. Default 6000. */
  readonly roundTime?: number;
  readonly environment?: Readonly<Record<string, string | number>>;
  /** The command that repeats the sweep, for the report. */
  readonly command?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: SweepProgress) => void;
  /** Told the result so far after each measurement, and when the sweep ends early: before it throws. */
  readonly onPartial?: (result: SweepResult) => void;
}

export interface SweepProgress {
  /** Cells (variant × length) that were measured at least once, and cells that will be. */
  readonly done: number;
  readonly total: number;
  /** Share of all work done, by planned arithmetic: a rough guide to the time left. */
  readonly share: number;
  /** What is being measured. */
  readonly what: string;
}

const decodeSteps = 16;
const decodeTime = 1000;

/** Length of the round that warms up code before anything is measured. */
const warmUpTokens = 64;

const allVariants: readonly Variant[] = ['self', ...contextModes];

/** Tokens that a text needs beyond the longest length, for decoding. */
export const decodedTokens: number = decodeSteps;

/** Tokens of the document that warm tables are to have served. */
export const warmUpDocumentTokens = 131_072;

/** Runs the sweep. Throws AbortedError; a variant that does not fit becomes a row that says why. */
export async function runSweep(options: SweepOptions): Promise<SweepResult> {
  const sweep = new Sweep(options);
  try {
    await sweep.run();
  } catch (error) {
    options.onPartial?.(sweep.result(error instanceof Error ? error.message : String(error)));
    throw error;
  }
  return sweep.result();
}

class Sweep {
  readonly #options: SweepOptions;
  readonly #configs;
  readonly #lengths: readonly number[];
  readonly #cells: readonly Cell[];
  readonly #created = new Date().toISOString();
  readonly #planTable;
  readonly #texts: readonly TextRow[];
  readonly #warmUpFlops: number;
  #gemmFlopsPerSecond: number | null = null;
  #workDone = 0;

  constructor(options: SweepOptions) {
    const { shape, backend, text, selfUpTo, dtype = 'f32', weightDType = 'f32', window = 3 } = options;
    const { variants = allVariants, positions = 'rope' } = options;
    this.#options = options;
    this.#configs = {
      inattention: configOf(shape, 'inattention', window, positions),
      self: configOf(shape, 'self', 1, positions),
    };
    this.#lengths = [...new Set(options.lengths)].sort((a, b) => a - b);
    this.#planTable = planTable(dtype);
    this.#texts = this.#lengths.map((tokens) => textRow(text.ids, options.warmUpText.ids, tokens));
    const { ids } = options.warmUpText;
    const { inattention } = this.#configs;
    const distinctInWarmUp = new Set(ids).size;
    this.#warmUpFlops = planRow(
      inattention,
      'tables',
      ids.length,
      distinctInWarmUp,
      dtype,
      weightDType,
    ).firstTokenFlops;
    const resident = residentBytes(this.#configs.inattention, this.#configs.self, weightDType);
    this.#cells = this.#lengths.flatMap((tokens) => {
      const distinct = new Set(text.ids.subarray(0, tokens)).size;
      return [...new Set(variants)].map((variant) => {
        const config = variant === 'self' ? this.#configs.self : this.#configs.inattention;
        const plan = planRow(config, variant, tokens, distinct, dtype, weightDType);
        const refused = whyNot(plan, resident, backend.capabilities.maxTotalBytes);
        return new Cell({ variant, tokens, plan, refused, beyond: variant === 'self' && tokens > selfUpTo, config });
      });
    });
  }

  async run(): Promise<void> {
    const { backend, weightDType = 'f32', signal } = this.#options;
    const running = this.#cells.filter((cell) => cell.runs);
    if (running.length === 0) return;
    this.#gemmFlopsPerSecond = await unlessRefused(measureGemm(backend));
    this.#progress('making the models');
    const { inattention, self } = this.#configs;
    const creating = createSweepModels(backend, inattention, self, weightDType, signal);
    using models = await unlessRefused(creating, (reason) => {
      for (const cell of running) cell.refuse(reason);
    });
    if (models === null) return;
    await this.#warmUp(models, running);
    for (const tokens of this.#lengths) {
      await this.#measureLength(
        models,
        running.filter((cell) => cell.tokens === tokens),
        tokens,
      );
    }
    this.#progress('done');
  }

  /** Rounds of one length, every variant in turn. */
  async #measureLength(models: SweepModels, cells: readonly Cell[], tokens: number): Promise<void> {
    const { rounds = 3, roundTime = 6000, signal, onPartial } = this.#options;
    const begin = performance.now();
    for (let round = 0; round < rounds; round += 1) {
      if (round > 0 && performance.now() - begin > roundTime) break;
      for (const cell of cells) {
        if (!cell.runs) continue;
        throwIfAborted(signal, 'The sweep');
        const what = `${cell.variant} at ${tokens} tokens, round ${round + 1}`;
        this.#progress(what);
        await cell.run(models[cell.variant === 'self' ? 'self' : 'inattention'], {
          ...this.#documents(),
          onStep: (step, share) =>
            this.#progress(`${what}: ${step}${share === undefined ? '' : ` ${Math.floor(100 * share)} %`}`),
        });
        if (round === 0) this.#workDone += this.#workOf(cell);
        onPartial?.(this.result('The sweep was still running.'));
      }
    }
  }

  /** Runs each variant once on a few tokens, unrecorded, so that engines have compiled what will be measured. */
  async #warmUp(models: SweepModels, cells: readonly Cell[]): Promise<void> {
    const length = Math.min(warmUpTokens, ...this.#lengths);
    for (const variant of new Set(cells.map((cell) => cell.variant))) {
      throwIfAborted(this.#options.signal, 'The sweep');
      this.#progress(`warming up ${variant}`);
      const model = models[variant === 'self' ? 'self' : 'inattention'];
      // What does not even fit 64 tokens will say so in its rows.
      const warmUp = this.#options.warmUpText.ids.subarray(0, length);
      await unlessRefused(measure(model, { ...this.#documents(), warmUp, variant, length, decodeSteps: 2 }));
    }
  }

  #documents(): Omit<MeasureOptions, 'variant' | 'length'> {
    const { dtype = 'f32', text, warmUpText, signal } = this.#options;
    return { dtype, text: text.ids, warmUp: warmUpText.ids, decodeSteps, decodeTime, signal };
  }

  /** Planned arithmetic of one measurement, the table's warming included. */
  #workOf({ plan, variant }: Cell): number {
    return plan.firstTokenFlops + plan.decodeFlops + (variant === 'tables' ? this.#warmUpFlops : 0);
  }

  #progress(what: string): void {
    const running = this.#cells.filter((cell) => cell.runs);
    const work = running.reduce((sum, cell) => sum + this.#workOf(cell), 0);
    const done = running.filter((cell) => cell.firstToken !== null).length;
    const share = work === 0 ? 1 : Math.min(1, this.#workDone / work);
    this.#options.onProgress?.({ done, total: running.length, share, what });
  }

  /** What is known so far; `interrupted` says why it is not all. */
  result(interrupted?: string): SweepResult {
    const { backend, shape, text, warmUpText, warmUpKind = 'other', environment = {}, command } = this.#options;
    const { dtype = 'f32', weightDType = 'f32', window = 3, positions = 'rope' } = this.#options;
    const { inattention, self } = this.#configs;
    const { maxTotalBytes } = backend.capabilities;
    const rows = this.#cells.map((cell) => cell.row(this.#cells));
    return {
      schema: resultSchema,
      created: this.#created,
      ...(command !== undefined && { command }),
      ...(interrupted !== undefined && { interrupted }),
      environment,
      backend: backend.name,
      device: backend.info.device,
      shape: shape.name,
      dtype,
      weightDType,
      window,
      positions,
      parameters: { inattention: parameterCount(inattention), self: parameterCount(self) },
      weightBytes: { inattention: weightBytes(inattention, weightDType), self: weightBytes(self, weightDType) },
      budgetBytes: Number.isFinite(maxTotalBytes) ? maxTotalBytes : null,
      selfUpTo: this.#options.selfUpTo,
      text: describeText(text),
      warmUpText: describeText(warmUpText),
      warmUpKind,
      warmUpTokens: warmUpText.ids.length,
      texts: this.#texts,
      gemmFlopsPerSecond: this.#gemmFlopsPerSecond,
      selfPrefill: rows.flatMap(({ variant, tokens, plan, outcome, timeToFirstToken: first }) =>
        variant === 'self' && outcome === 'measured' && first !== null
          ? [{ tokens, flopsPerSecond: (1000 * plan.firstTokenFlops) / first.median }]
          : [],
      ),
      rows,
      plan: this.#planTable,
    };
  }
}

/** What `work` makes, or null when the backend has no room for it. */
async function unlessRefused<T>(work: Promise<T>, onRefusal?: (reason: string) => void): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    onRefusal?.(error.message);
    return null;
  }
}

function textRow(text: Int32Array, warmUp: Int32Array, tokens: number): TextRow {
  const distinct = new Set(text.subarray(0, tokens));
  const seen = new Set(warmUp);
  const unseen = [...distinct].filter((id) => !seen.has(id)).length;
  return { tokens, distinct: distinct.size, unseenAfterWarmUp: unseen / distinct.size };
}

function describeText({ title, source, licence, tokenizer }: SweepDocument): SweepText {
  return { title, source, licence, tokenizer };
}
