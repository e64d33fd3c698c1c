/**
 * Choosing the next token from logits: repetition penalty, temperature, top-k, top-p and min-p in that order, then one
 * draw. Temperature 0 takes the likeliest token (the lowest id among equals).
 */

import { InvalidArgumentError } from '@inattention/core';
import { Random } from './random.ts';

export interface SamplingOptions {
  /** 0: the likeliest token. Default 0. */
  readonly temperature?: number;
  /** Keeps the k likeliest tokens. Default: all. */
  readonly topK?: number;
  /** Keeps the likeliest tokens whose probabilities reach p together (Holtzman et al., arXiv 1904.09751). Default 1. */
  readonly topP?: number;
  /** Keeps tokens at least this fraction as likely as the likeliest (Nguyen et al., arXiv 2407.01082). Default 0. */
  readonly minP?: number;
  /** Divides positive and multiplies negative logits of tokens seen before (Keskar et al., arXiv 1909.05858). Default 1. */
  readonly repetitionPenalty?: number;
  /** How many of the last tokens the penalty looks at. Default 256. */
  readonly repetitionWindow?: number;
  /** Seed of the draws. Default 0. */
  readonly seed?: number;
}

/** A chosen token with the natural logarithm of the probability it was drawn with. */
export interface Sample {
  readonly token: number;
  readonly logProbability: number;
}

/** What a saved session carries of a sampler. */
export interface SamplerState {
  readonly options: Required<SamplingOptions>;
  readonly random: readonly number[];
}

const defaults: Required<SamplingOptions> = {
  temperature: 0,
  topK: Number.MAX_SAFE_INTEGER,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  repetitionWindow: 256,
  seed: 0,
};

export class Sampler {
  readonly options: Required<SamplingOptions>;
  readonly #random: Random;

  constructor(options: SamplingOptions = {}, state?: readonly number[]) {
    this.options = { ...defaults, ...options };
    checkOptions(this.options);
    this.#random = state === undefined ? Random.seeded(this.options.seed) : Random.fromState(state);
  }

  static restore(state: SamplerState): Sampler {
    return new Sampler(state.options, state.random);
  }

  get state(): SamplerState {
    return { options: this.options, random: this.#random.state };
  }

  fork(): Sampler {
    return Sampler.restore(this.state);
  }

  /** Draws from `logits` [V]; `recent` are the tokens so far. The logits are not changed. */
  sample(logits: Float32Array, recent: Int32Array): Sample {
    const penalised = this.#penalise(logits, recent);
    if (this.options.temperature === 0) return likeliest(penalised);
    const candidates = this.#candidates(penalised);
    let remaining = this.#random.uniform() * candidates.reduce((sum, { weight }) => sum + weight, 0);
    const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
    for (const { token, weight } of candidates) {
      remaining -= weight;
      if (remaining < 0) return { token, logProbability: Math.log(weight / total) };
    }
    const last = candidates.at(-1) as Candidate;
    return { token: last.token, logProbability: Math.log(last.weight / total) };
  }

  #penalise(logits: Float32Array, recent: Int32Array): Float32Array {
    const { repetitionPenalty, repetitionWindow } = this.options;
    if (repetitionPenalty === 1) return logits;
    const result = logits.slice();
    for (const token of new Set(recent.subarray(Math.max(0, recent.length - repetitionWindow)))) {
      const logit = result[token] as number;
      result[token] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
    }
    return result;
  }

  /** The tokens that may be drawn, likeliest first, with weights relative to the likeliest. */
  #candidates(logits: Float32Array): Candidate[] {
    const { temperature, topK, topP, minP } = this.options;
    const best = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
    const weights = Float64Array.from(logits, (logit) => Math.exp((logit - best) / temperature));
    let candidates: Candidate[] = [];
    weights.forEach((weight, token) => {
      if (weight >= minP && weight > 0) candidates.push({ token, weight });
    });
    if (topK >= candidates.length && topP >= 1) return candidates;
    candidates.sort((a, b) => b.weight - a.weight || a.token - b.token);
    candidates = candidates.slice(0, topK);
    const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
    let reached = 0;
    const kept = candidates.findIndex(({ weight }) => {
      reached += weight;
      return reached >= topP * total;
    });
    return kept === -1 ? candidates : candidates.slice(0, kept + 1);
  }
}

interface Candidate {
  readonly token: number;
  readonly weight: number;
}

function likeliest(logits: Float32Array): Sample {
  let token = 0;
  for (let id = 1; id < logits.length; id += 1) {
    if ((logits[id] as number) > (logits[token] as number)) token = id;
  }
  const best = logits[token] as number;
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - best), 0);
  return { token, logProbability: -Math.log(total) };
}

function checkOptions(options: Required<SamplingOptions>): void {
  const rules: [keyof SamplingOptions, string, (value: number) => boolean][] = [
    ['temperature', 'a number from 0 up', (value) => value >= 0 && Number.isFinite(value)],
    ['topK', 'a whole number from 1 up', (value) => Number.isInteger(value) && value >= 1],
    ['topP', 'a number above 0, at most 1', (value) => value > 0 && value <= 1],
    ['minP', 'a number from 0 to 1', (value) => value >= 0 && value <= 1],
    ['repetitionPenalty', 'a number above 0', (value) => value > 0 && Number.isFinite(value)],
    ['repetitionWindow', 'a whole number from 0 up', (value) => Number.isInteger(value) && value >= 0],
  ];
  for (const [name, expected, valid] of rules) {
    if (!valid(options[name])) {
      throw new InvalidArgumentError({
        what: `The sampling option ${name} is out of range.`,
        got: String(options[name]),
        expected,
      });
    }
  }
}
