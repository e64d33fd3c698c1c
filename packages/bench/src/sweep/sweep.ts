/**
 * The context sweep, the project's main measurement: InAttention in each context mode against the same-size
 * self-attention model with KV cache and tiled attention, same dtype, same backend, in one run. Variants take turns
 * within each round; figures are medians. No Node here: apps run it in the browser.
 */

import { type Backend, InAttentionError, throwIfAborted } from '@inattention/core';
import { type ContextDType, contextModes, parameterCount, weightBytes } from '@inattention/core/math';
import { createModel, type Model } from '@inattention/model';
import { planTable } from '../plan-table.ts';
import {
  resultSchema,
  type SweepResult,
  type SweepRow,
  type SweepText,
  type TextRow,
  type Timing,
  type Variant,
} from '../result.ts';
import { configOf, type Shape } from '../shapes.ts';
import { median } from '../statistics.ts';
import { extrapolateDecode, extrapolatePrefill, prefillFlops } from './extrapolate.ts';
import { measureGemm } from './gemm.ts';
import { type Measurement, measure, predictedContextBytes } from './measure.ts';

/** A document as token ids of the shape's vocabulary. */
export interface SweepDocument extends SweepText {
  readonly ids: Int32Array;
}

export interface SweepOptions {
  readonly backend: Backend;
  readonly shape: Shape;
  readonly lengths: readonly number[];
  readonly variants?: readonly Variant[];
  readonly dtype?: ContextDType;
  /** w of the InAttention model. The baseline is the plain transformer, w = 1. */
  readonly window?: number;
  readonly text: SweepDocument;
  readonly warmUpText: SweepDocument;
  /** The baseline is run up to this length, and extrapolated beyond. */
  readonly selfUpTo: number;
  /** Rounds per length while they are short. */
  readonly rounds?: number;
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: SweepProgress) => void;
}

export interface SweepProgress {
  readonly done: number;
  readonly total: number;
  /** What is being measured. */
  readonly what: string;
}

/** A further round is begun only while all rounds of a length took less than this, in ms. */
const roundTime = 6000;
const decodeSteps = 16;
const decodeTime = 1000;

const allVariants: readonly Variant[] = ['self', ...contextModes];

/** Runs the sweep. Throws AbortedError; a variant that does not fit becomes a row that says why. */
export async function runSweep(options: SweepOptions): Promise<SweepResult> {
  const { backend, shape, dtype = 'f32', window = 3, text, warmUpText, environment = {} } = options;
  const variants = options.variants ?? allVariants;
  const self = configOf(shape, 'self', 1);
  const inattention = configOf(shape, 'inattention', window);
  // The window starts at 0 in new models; here it is given the size of other weights, so that its work is real.
  using model = createModel(inattention, backend, { seed: 1, windowDeviation: 0.02 });
  using baseline = createModel(self, backend, { seed: 1 });
  const gemmFlopsPerSecond = await measureGemm(backend);
  const rows: SweepRow[] = [];
  const total = options.lengths.length * variants.length;
  for (const tokens of options.lengths) {
    const cells = variants.map((variant) => new Cell(variant, variant === 'self' ? baseline : model, tokens, options));
    let done = rows.length;
    const begin = performance.now();
    for (let round = 0; round < (options.rounds ?? 3); round += 1) {
      if (round > 0 && performance.now() - begin > roundTime) break;
      for (const cell of cells) {
        throwIfAborted(options.signal, 'The sweep');
        options.onProgress?.({ done, total, what: `${cell.variant}, ${tokens} tokens, round ${round + 1}` });
        await cell.run();
        if (round === 0) done += 1;
      }
    }
    rows.push(...cells.map((cell) => cell.row(cells, rows)));
  }
  options.onProgress?.({ done: total, total, what: 'done' });
  return {
    schema: resultSchema,
    created: new Date().toISOString(),
    environment,
    backend: backend.name,
    device: backend.info.device,
    shape: shape.name,
    dtype,
    window,
    parameters: { inattention: parameterCount(inattention), self: parameterCount(self) },
    weightBytes: { inattention: weightBytes(inattention), self: weightBytes(self) },
    text: describeText(text),
    warmUpText: describeText(warmUpText),
    texts: options.lengths.map((tokens) => textRow(text.ids, warmUpText.ids, tokens)),
    gemmFlopsPerSecond,
    selfPrefill: rows.flatMap(({ variant, tokens, timeToFirstToken: first }) =>
      variant === 'self' && first !== null && first.extrapolated === undefined
        ? [{ tokens, flopsPerSecond: (prefillFlops(self, tokens) / first.median) * 1000 }]
        : [],
    ),
    rows,
    plan: planTable(dtype),
  };
}

/** One variant at one length. */
class Cell {
  readonly variant: Variant;
  readonly #model: Model;
  readonly #tokens: number;
  readonly #options: SweepOptions;
  readonly #measured: Measurement[] = [];
  #refused: string | null = null;

  constructor(variant: Variant, model: Model, tokens: number, options: SweepOptions) {
    this.variant = variant;
    this.#model = model;
    this.#tokens = tokens;
    this.#options = options;
  }

  /** Measures once, unless the baseline is to be extrapolated or the variant was refused. */
  async run(): Promise<void> {
    const { dtype = 'f32', text, warmUpText, selfUpTo, signal } = this.#options;
    if (this.#refused !== null || (this.variant === 'self' && this.#tokens > selfUpTo)) return;
    try {
      const measurement = await measure(this.#model, {
        variant: this.variant,
        dtype,
        text: text.ids,
        warmUp: warmUpText.ids,
        length: this.#tokens,
        decodeSteps,
        decodeTime,
        signal,
      });
      this.#measured.push(measurement);
    } catch (error) {
      const refusal =
        InAttentionError.isInstance(error, 'OUT_OF_MEMORY') || InAttentionError.isInstance(error, 'BUDGET_EXCEEDED');
      if (!refusal) throw error;
      this.#refused = (error as InAttentionError).message;
    }
  }

  /** Logits after the text, of the first round. */
  get firstLogits(): Float32Array | undefined {
    return this.#measured[0]?.logits;
  }

  /** The row; `earlier` are rows of shorter lengths, for extrapolation. */
  row(cells: readonly Cell[], earlier: readonly SweepRow[]): SweepRow {
    const { dtype = 'f32' } = this.#options;
    const [first] = this.#measured;
    const tokens = this.#tokens;
    const { variant } = this;
    if (this.#refused !== null || first === undefined) {
      const bytes = predictedContextBytes(this.#model, variant, tokens, dtype);
      const empty = { tokens, variant, contextBytes: bytes, tableBytes: 0, peakBytes: null, disagreement: null };
      const nothing = { timeToFirstToken: null, timeToFirstTokenWarm: null, decode: null };
      if (this.#refused !== null) return { ...empty, ...nothing, refused: this.#refused };
      return { ...empty, ...nothing, ...this.#extrapolate(cells, earlier) };
    }
    const rounds = this.#measured.length;
    const warm = this.#measured.flatMap(({ warmMs }) => (warmMs === null ? [] : [warmMs]));
    return {
      tokens,
      variant,
      contextBytes: first.contextBytes,
      tableBytes: first.tableBytes,
      peakBytes: Math.max(...this.#measured.map(({ peakBytes }) => peakBytes)),
      timeToFirstToken: { median: median(this.#measured.map(({ coldMs }) => coldMs)), rounds },
      timeToFirstTokenWarm: warm.length === 0 ? null : { median: median(warm), rounds: warm.length },
      decode: this.decode,
      disagreement: variant === 'self' ? null : this.#disagreement(cells),
    };
  }

  /** Median time of a decode step, of the steps measured. */
  get decode(): Timing | null {
    const steps = this.#measured.flatMap(({ decodeMs }) => decodeMs);
    return steps.length === 0 ? null : { median: median(steps), rounds: steps.length };
  }

  #extrapolate(cells: readonly Cell[], earlier: readonly SweepRow[]): Partial<SweepRow> {
    const same = earlier.filter(({ variant, decode }) => variant === this.variant && decode?.rounds);
    const longer = same.at(-1);
    if (longer?.timeToFirstToken == null || longer.decode === null) return {};
    const { config } = this.#model;
    const timeToFirstToken = extrapolatePrefill(config, longer.timeToFirstToken, longer.tokens, this.#tokens);
    const kvHere = cells.find(({ variant }) => variant === 'kv')?.decode;
    const kvThere = earlier.find(({ variant, tokens }) => variant === 'kv' && tokens === longer.tokens)?.decode;
    if (!kvHere || !kvThere) return { timeToFirstToken };
    return { timeToFirstToken, decode: extrapolateDecode(longer.decode, longer.tokens, kvThere, kvHere) };
  }

  #disagreement(cells: readonly Cell[]): number | null {
    const reference = cells.find(({ variant }) => variant === 'kv')?.firstLogits;
    const own = this.firstLogits;
    if (reference === undefined || own === undefined) return null;
    const largest = reference.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
    return own.reduce((most, logit, id) => Math.max(most, Math.abs(logit - (reference[id] as number))), 0) / largest;
  }
}

function textRow(text: Int32Array, warmUp: Int32Array, tokens: number): TextRow {
  const distinct = new Set(text.subarray(0, tokens));
  const seen = new Set(warmUp.subarray(0, tokens));
  const unseen = [...distinct].filter((id) => !seen.has(id)).length;
  return { tokens, distinct: distinct.size, unseenAfterWarmUp: unseen / distinct.size };
}

function describeText({ title, source, licence, tokenizer }: SweepDocument): SweepText {
  return { title, source, licence, tokenizer };
}
