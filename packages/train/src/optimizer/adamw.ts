/**
 * AdamW over a model's parameters (Loshchilov & Hutter, arXiv 1711.05101): decay apart from the gradient, none for
 * vectors (norms), as is usual for transformers. Moments are f32 tensors, counted as optimizer. Parameters are changed in
 * place.
 */

import { adamw, type EagerOperations, InvalidArgumentError, type Tensor } from '@inattention/core';
import type { Parameter } from '../step/parameters.ts';

export interface AdamWSettings {
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.95, as is usual for language models. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Default 0.1. */
  readonly weightDecay?: number;
  /** Whether embeddings (and a tied head) decay as other matrices do. Default true. */
  readonly decayEmbeddings?: boolean;
}

/** Both moments of a parameter, on the device. */
export interface Moments {
  /** m */
  readonly first: Tensor;
  /** v */
  readonly second: Tensor;
}

const embeddings = new Set(['model.embed_tokens.weight', 'model.embed_positions.weight']);

export class AdamW {
  readonly #operations: EagerOperations;
  readonly #parameters: readonly Parameter[];
  readonly #firstStep: (name: string) => number;
  readonly #moments = new Map<string, Moments>();
  readonly #settings: Required<AdamWSettings>;
  #steps = 0;

  /**
   * `firstStep`: the step, from 1, that a parameter first has a gradient in; moments that are still 0 are allowed for from
   * there. Default 1. Throws InvalidArgumentError for settings outside their domain, OutOfMemoryError.
   */
  constructor(
    operations: EagerOperations,
    parameters: readonly Parameter[],
    settings: AdamWSettings = {},
    firstStep: (name: string) => number = () => 1,
  ) {
    this.#settings = checked(settings);
    this.#firstStep = firstStep;
    this.#operations = operations.separate('optimizer');
    this.#parameters = parameters;
    try {
      for (const { name, tensor } of parameters) {
        const first = this.#operations.zeros(tensor.shape);
        this.#moments.set(name, { first, second: first }); // so that it goes if the second cannot be had
        this.#moments.set(name, { first, second: this.#operations.zeros(tensor.shape) });
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Steps taken so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Moments by parameter name. Whoever writes to them sets `steps` with `resumeAt`. */
  get moments(): ReadonlyMap<string, Moments> {
    return this.#moments;
  }

  /** Goes on as after `steps` steps, whose moments have been written. */
  resumeAt(steps: number): void {
    this.#steps = steps;
  }

  /**
   * One step: parameters that have gradients and their moments change in place. `gradients` may be scaled by `gradientScale` (clipping), which they
   * are in place when it is not 1.
   */
  step(gradients: ReadonlyMap<string, Tensor>, learningRate: number, gradientScale = 1): void {
    const { beta1, beta2, epsilon, weightDecay, decayEmbeddings } = this.#settings;
    this.#steps += 1;
    for (const { name, tensor: parameter } of this.#parameters) {
      const gradient = gradients.get(name);
      const moments = this.#moments.get(name);
      if (gradient === undefined || moments === undefined) continue;
      if (gradientScale !== 1) {
        const { primitives } = this.#operations.backend;
        primitives.affine({ input: gradient, scale: gradientScale, offset: 0, out: gradient });
      }
      const step = Math.max(1, this.#steps - this.#firstStep(name) + 1);
      const decays = parameter.shape.length > 1 && (decayEmbeddings || !embeddings.has(name));
      adamw(
        this.#operations,
        { parameter, gradient, firstMoment: moments.first, secondMoment: moments.second },
        { learningRate, beta1, beta2, epsilon, weightDecay: decays ? weightDecay : 0, step },
      );
    }
  }

  dispose(): void {
    for (const { first, second } of this.#moments.values()) {
      first.dispose();
      second.dispose();
    }
    this.#moments.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function checked(settings: AdamWSettings): Required<AdamWSettings> {
  const { beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0.1, decayEmbeddings = true } = settings;
  const share = (value: number) => value >= 0 && value < 1;
  const positive = (value: number) => Number.isFinite(value) && value >= 0;
  if (!(share(beta1) && share(beta2) && positive(weightDecay) && positive(epsilon) && epsilon > 0)) {
    throw new InvalidArgumentError({
      what: 'AdamW was given settings outside their domain.',
      got: JSON.stringify(settings),
      expected: 'β₁ and β₂ in [0, 1), ε above 0, decay 0 or more',
    });
  }
  return { beta1, beta2, epsilon, weightDecay, decayEmbeddings };
}
