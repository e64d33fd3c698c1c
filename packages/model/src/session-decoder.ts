/**
 * Runs a decoder against a context: hidden states of chosen positions through the layers, and the prefill that self
 * layers need. It holds no state of a session but the frontier: the hidden state of the last position as it enters the
 * last self layer, so that no layer is run twice for it.
 */

import type { Tensor } from '@inattention/core';
import { type EagerOperations, type IndexTensor, throwIfAborted } from '@inattention/core';
import {
  type Context,
  type ContextModel,
  consecutive,
  createIdWindow,
  initialStates,
  type ModelConfig,
  projectKeysAndValues,
} from '@inattention/core/math';
import { decoderLayer, decoderLogits } from './decoder.ts';
import type { DecoderWeights, LayerWeights } from './decoder-weights.ts';
import type { Progress } from './progress.ts';
import { yieldToEventLoop } from './yield-to-event-loop.ts';

/** Positions prefilled at a time: bounds activations. */
const prefillChunk = 256;

export interface DecoderRuntime {
  readonly config: ModelConfig;
  readonly weights: DecoderWeights<Tensor>;
  readonly contextModel: ContextModel;
}

/** The hidden state [1, D] of `position` as it enters the last self layer. */
interface Frontier {
  readonly position: number;
  readonly hidden: Tensor;
}

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export class SessionDecoder {
  readonly #runtime: DecoderRuntime;
  readonly #operations: EagerOperations;
  /** The last layer that reads hidden states; -1 in pure models. */
  readonly #lastSelf: number;
  #frontier: Frontier | null = null;

  constructor(runtime: DecoderRuntime) {
    this.#runtime = runtime;
    this.#operations = runtime.contextModel.operations;
    const own = new Set(runtime.contextModel.inattentionLayers);
    this.#lastSelf = runtime.config.attentionTypes.reduce((last, _, layer) => (own.has(layer) ? last : layer), -1);
  }

  /** Forgets the frontier; to be called after every change of the context. */
  reset(): void {
    this.#frontier?.hidden.dispose();
    this.#frontier = null;
  }

  /** Computes keys and values of self layers where they are missing. Cancelled or failed: those done stay. */
  async prefill(context: Context, { signal, onProgress }: RunOptions = {}): Promise<void> {
    const total = context.length;
    while (context.selfLength < total) {
      throwIfAborted(signal, 'Prefill');
      const start = context.selfLength;
      const end = Math.min(total, start + prefillChunk);
      try {
        context.growSelf(end);
        this.#prefillChunk(context, start, end);
      } catch (error) {
        context.truncateSelf(start);
        throw error;
      }
      onProgress?.({ stage: 'prefill', done: end, total });
      if (end < total) await yieldToEventLoop();
    }
  }

  /** Logits [k, V] at `positions`; self layers must be prefilled. The caller owns the result. */
  logits(context: Context, positions: Int32Array): Tensor {
    const operations = this.#operations;
    const { config, weights } = this.#runtime;
    return operations.scope(() => {
      const frontier = this.#frontier;
      using rows = operations.index(positions);
      const resumed = positions.length === 1 && frontier !== null && frontier.position === positions[0];
      const start = resumed ? frontier.hidden : this.#initialStates(context, positions);
      const hidden = this.#layers(context, start, rows, resumed ? this.#lastSelf : 0, weights.layers.length, false);
      return decoderLogits(operations, config, weights, hidden);
    });
  }

  /** Attention weights [H, N] of one position in one layer; self layers must be prefilled. */
  attentionWeights(context: Context, position: number, layer: number): Tensor {
    const operations = this.#operations;
    const { config, weights } = this.#runtime;
    return operations.scope(() => {
      const positions = Int32Array.of(position);
      using rows = operations.index(positions);
      const hidden = this.#layers(context, this.#initialStates(context, positions), rows, 0, layer, false);
      const { norm, query } = weights.layers[layer] as LayerWeights<Tensor>;
      const inputs = operations.rmsNorm(hidden, norm, config.rmsNormEps);
      const queries = operations.reshape(operations.linear(inputs, query), [
        1,
        config.numAttentionHeads,
        config.headDim,
      ]);
      return context.weights(layer, this.#runtime.contextModel.rotate(queries, rows), rows);
    });
  }

  #prefillChunk(context: Context, start: number, end: number): void {
    const operations = this.#operations;
    const last = this.#lastSelf;
    const frontier = operations.scope(() => {
      const positions = consecutive(start, end - start);
      using rows = operations.index(positions);
      const hidden = this.#layers(context, this.#initialStates(context, positions), rows, 0, last, true);
      const { norm } = this.#runtime.weights.layers[last] as LayerWeights<Tensor>;
      const inputs = operations.rmsNorm(hidden, norm, this.#runtime.config.rmsNormEps);
      this.#writeSelf(context, last, inputs, rows);
      return operations.copy(operations.slice(hidden, end - start - 1, 1));
    });
    this.reset();
    this.#frontier = { position: end - 1, hidden: operations.keep(frontier) };
  }

  #initialStates(context: Context, positions: Int32Array): Tensor {
    const { config, weights } = this.#runtime;
    const window = createIdWindow(this.#operations.backend, context.ids, positions, config);
    try {
      return initialStates(this.#operations, weights, window);
    } finally {
      window.dispose();
    }
  }

  /** Runs layers [from, to) on hidden states [T, D] at `rows`; `write`: also store keys and values of self layers. */
  #layers(context: Context, start: Tensor, rows: IndexTensor, from: number, to: number, write: boolean): Tensor {
    const { config, weights, contextModel } = this.#runtime;
    let hidden = start;
    for (let layer = from; layer < to; layer += 1) {
      const before = hidden;
      hidden = decoderLayer(
        this.#operations,
        config,
        weights.layers[layer] as LayerWeights<Tensor>,
        hidden,
        (queries, inputs) => {
          if (write) this.#writeSelf(context, layer, inputs, rows);
          return context.attend(layer, contextModel.rotate(queries, rows), rows);
        },
      );
      if (layer > from) before.dispose();
    }
    return hidden;
  }

  /** Stores keys and values of a self layer's inputs u [T, D] at consecutive `rows`; nothing in inattention layers. */
  #writeSelf(context: Context, layer: number, inputs: Tensor, rows: IndexTensor): void {
    const { config, weights, contextModel } = this.#runtime;
    if (contextModel.inattentionLayers.includes(layer)) return;
    this.#operations.scope(() => {
      const parameters = weights.layers[layer] as LayerWeights<Tensor>;
      const { keys, values } = projectKeysAndValues(this.#operations, parameters, inputs, config);
      context.writeSelf(layer, rows.values[0] as number, contextModel.rotate(keys, rows), values);
    });
  }
}
