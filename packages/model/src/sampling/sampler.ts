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

export class Sampler {
  readonly options: Required<SamplingOptions>;
  #random: Random;

  constructor(options: SamplingOptions = {}, state?: readonly number[]) {
    this.options = ownOptions(options);
    checkOptions(this.options);
    const seeded = Random.seeded(this.options.seed);
    this.#random = state === undefined ? seeded : Random.fromState(state);
  }

  static restore(state: SamplerState): Sampler {
    return new Sampler(state.options, state.random);
  }

  get state(): SamplerState {
    return { options: this.options, random: this.#random.state };
  }

  /** Continues from an earlier state of this sampler: the draws since then come again. */
  rewind(random: SamplerState['random']): void {
    this.#random = Random.fromState(random);
  }

  fork(): Sampler {
    return Sampler.restore(this.state);
  }

  /** Draws from `logits` [V]; `recent` are the tokens so far. The logits are not changed. */
  sample(logits: Float32Array, recent: Int32Array): Sample {
    const penalised = this.#penalise(logits, recent);
    if (this.options.temperature === 0) return likeliest(penalised);
    const candidates = this.#candidates(penalised);
    const total = totalWeight(candidates);
    let remaining = this.#random.uniform() * total;
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

  /** The tokens that may be drawn, with weights relative to the likeliest. */
  #candidates(logits: Float32Array): Candidate[] {
    const { temperature, topK, topP, minP } = this.options;
    const best = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
    const weights = Float64Array.from(logits, (logit) => Math.exp((logit - best) / temperature));
    let candidates: Candidate[] = [];
    weights.forEach((weight, token) => {
      if (weight > 0) candidates.push({ token, weight });
    });
    if (topK < candidates.length || topP < 1) {
      candidates.sort((a, b) => b.weight - a.weight || a.token - b.token);
      candidates = nucleus(candidates.slice(0, topK), topP);
    }
    return minP > 0 ? candidates.filter(({ weight }) => weight >= minP) : candidates;
  }
}

interface Candidate {
  readonly token: number;
  readonly weight: number;
}

/** The first candidates whose weights reach the fraction `topP` of all; candidates are in descending order. */
function nucleus(candidates: Candidate[], topP: number): Candidate[] {
  const wanted = topP * totalWeight(candidates);
  let reached = 0;
  const last = candidates.findIndex(({ weight }) => {
    reached += weight;
    return reached >= wanted;
  });
  return last === -1 ? candidates : candidates.slice(0, last + 1);
}

function totalWeight(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { weight }) => sum + weight, 0);
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

/** The sampling options alone of what may be wider (GenerateOptions), with defaults for those left out. */
function ownOptions({
  temperature = 0,
  topK = Number.MAX_SAFE_INTEGER,
  topP = 1,
  minP = 0,
  repetitionPenalty = 1,
  repetitionWindow = 256,
  seed = 0,
}: SamplingOptions): Required<SamplingOptions> {
  return { temperature, topK, topP, minP, repetitionPenalty, repetitionWindow, seed };
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
