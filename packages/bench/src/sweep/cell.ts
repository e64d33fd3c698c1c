/** One variant at one length of a sweep: what is measured of it, and the row that comes out. */

import type { ModelConfig } from '@inattention/core/math';
import type { Model } from '@inattention/model';
import type { Outcome, RowPlan, SweepRow, Timing, Variant } from '../result.ts';
import { median } from '../statistics.ts';
import { extrapolateDecode, extrapolatePrefill, type Point } from './extrapolate.ts';
import { isRefusal, type Measurement, type MeasureOptions, measure } from './measure.ts';

export interface CellParts {
  readonly variant: Variant;
  readonly tokens: number;
  readonly plan: RowPlan;
  /** Why it does not fit, by the plan. */
  readonly refused: string | null;
  /** Whether it is past the length to which the baseline is run. */
  readonly beyond: boolean;
  /** Of the baseline or of InAttention, as the variant is. */
  readonly config: ModelConfig;
}

const noTimes = {
  timeToFirstToken: null,
  timeToFirstTokenWarm: null,
  timeToFirstTokenRevisited: null,
  decode: null,
  disagreement: null,
};
const noBytes = { contextBytes: null, tableBytes: null, peakBytes: null };

export class Cell {
  readonly variant: Variant;
  readonly tokens: number;
  readonly plan: RowPlan;
  readonly #beyond: boolean;
  readonly #config: ModelConfig;
  readonly #measured: Measurement[] = [];
  #refused: string | null;

  constructor({ variant, tokens, plan, refused, beyond, config }: CellParts) {
    this.variant = variant;
    this.tokens = tokens;
    this.plan = plan;
    this.#refused = refused;
    this.#beyond = beyond;
    this.#config = config;
  }

  /** Whether there is something to measure. */
  get runs(): boolean {
    return this.#refused === null && !this.#beyond;
  }

  /** Measures once more. A backend that has no room after all refuses the cell; what was measured before goes. */
  async run(model: Model, options: Omit<MeasureOptions, 'variant' | 'length'>): Promise<void> {
    try {
      this.#measured.push(await measure(model, { ...options, variant: this.variant, length: this.tokens }));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.refuse(error.message);
    }
  }

  /** Gives the cell up: it does not fit, and `reason` says why. */
  refuse(reason: string): void {
    this.#refused = reason;
    this.#measured.length = 0;
  }

  /** Median time to the first token, cold; null while nothing is measured. */
  get firstToken(): Timing | null {
    return timingOf(this.#measured.map(({ coldMs }) => coldMs));
  }

  /** Median time of a decode step, of all steps measured. */
  get decode(): Timing | null {
    return timingOf(this.#measured.flatMap(({ decodeMs }) => decodeMs));
  }

  /** Logits after the text, of the first measurement. */
  get firstLogits(): Float32Array | undefined {
    return this.#measured[0]?.logits;
  }

  /** The row, given every cell of the sweep (lengths ascending), for extrapolation and comparison. */
  row(cells: readonly Cell[]): SweepRow {
    const { variant, tokens, plan } = this;
    const own = { tokens, variant, plan };
    const [first] = this.#measured;
    if (first === undefined) {
      const times = this.#beyond ? this.#extrapolate(cells) : null;
      return { ...own, ...this.#outcome(times !== null), ...noBytes, ...noTimes, ...times };
    }
    const warm = timingOf(this.#measured.flatMap(({ warmMs }) => (warmMs === null ? [] : [warmMs])));
    return {
      ...own,
      outcome: 'measured',
      contextBytes: first.contextBytes,
      tableBytes: first.tableBytes,
      peakBytes: Math.max(...this.#measured.map(({ peakBytes }) => peakBytes)),
      timeToFirstToken: this.firstToken,
      timeToFirstTokenWarm: warm,
      ...(warm === null && first.warmRefused !== undefined && { warmRefused: first.warmRefused }),
      timeToFirstTokenRevisited: timingOf(this.#measured.flatMap(({ revisitedMs }) => revisitedMs)),
      decode: this.decode,
      ...(first.decodeProfile !== null && { decodeProfile: first.decodeProfile }),
      disagreement: variant === 'self' ? null : this.#disagreement(first.logits, cells),
    };
  }

  #outcome(extrapolated: boolean): { outcome: Outcome; reason?: string } {
    if (this.#refused !== null) return { outcome: 'refused', reason: this.#refused };
    if (extrapolated) return { outcome: 'extrapolated', reason: 'longer than the baseline was to be run' };
    if (this.#beyond) return { outcome: 'unreached', reason: 'no shorter length was measured to extrapolate from' };
    return { outcome: 'unreached', reason: 'the sweep ended before it' };
  }

  #extrapolate(cells: readonly Cell[]): Pick<SweepRow, 'timeToFirstToken' | 'decode'> | null {
    const points = (variant: Variant, timing: (cell: Cell) => Timing | null): Point[] =>
      cells
        .filter((cell) => cell.variant === variant)
        .flatMap((cell) => {
          const measured = timing(cell);
          return measured === null ? [] : [{ tokens: cell.tokens, median: measured.median }];
        });
    const last = points('self', (cell) => cell.firstToken).at(-1);
    if (last === undefined) return null;
    const decodes = (variant: Variant) => points(variant, (cell) => cell.decode);
    return {
      timeToFirstToken: extrapolatePrefill(this.#config, last, this.tokens),
      decode: extrapolateDecode(decodes('self'), decodes('kv'), this.tokens),
    };
  }

  #disagreement(logits: Float32Array, cells: readonly Cell[]): number | null {
    const kv = cells.find(({ variant, tokens }) => variant === 'kv' && tokens === this.tokens);
    const reference = kv?.firstLogits;
    if (reference === undefined) return null;
    const largest = reference.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
    return logits.reduce((most, logit, id) => Math.max(most, Math.abs(logit - (reference[id] as number))), 0) / largest;
  }
}

function timingOf(values: readonly number[]): Timing | null {
  return values.length === 0 ? null : { median: median(values), rounds: values.length };
}
