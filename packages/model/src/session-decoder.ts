/**
 * Runs a decoder against contexts: rows of one or several of them through the layers in one pass, and the prefill that
 * self layers need. Embeddings, norms and products see all rows at once; only attention goes context by context. It
 * holds no state of a session.
 */

import { type ContextView, type EagerOperations, IndexTensor, type Tensor, throwIfAborted } from '@inattention/core';
import {
  attendViews,
  type Context,
  type ContextModel,
  consecutive,
  createJoinedIdWindow,
  initialStates,
  type ModelConfig,
  projectKeysAndValues,
} from '@inattention/core/math';
import { decoderLayer, decoderLogits, layerQueries } from './decoder.ts';
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

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Rows of a pass that belong to one context. */
interface ContextRows {
  readonly context: Context;
  readonly positions: Int32Array;
  /** Whether keys and values of self layers at these (consecutive) positions are written in the pass. */
  readonly writes: boolean;
}

/** The same with the rows' place in the pass. */
interface PlacedRows extends ContextRows {
  /** First row. */
  readonly start: number;
  /** The positions on the device. */
  readonly rows: IndexTensor;
}

export class SessionDecoder {
  readonly #runtime: DecoderRuntime;
  /** The last layer that reads hidden states; -1 in pure models. */
  readonly #lastSelf: number;

  constructor(runtime: DecoderRuntime) {
    this.#runtime = runtime;
    const own = new Set(runtime.contextModel.inattentionLayers);
    this.#lastSelf = runtime.config.attentionTypes.reduce((last, _, layer) => (own.has(layer) ? last : layer), -1);
  }

  get #operations(): EagerOperations {
    return this.#runtime.contextModel.operations;
  }

  /**
   * Computes keys and values of self layers at positions [0, end) where they are missing. Cancelled or failed: those
   * done stay.
   */
  async prefill(context: Context, end: number, { signal, onProgress }: RunOptions = {}): Promise<void> {
    while (context.selfLength < end) {
      throwIfAborted(signal, 'Prefill');
      const start = context.selfLength;
      const stop = Math.min(end, start + prefillChunk);
      try {
        context.growSelf(stop);
        this.#prefillChunk(context, start, stop);
      } catch (error) {
        context.truncateSelf(start);
        throw error;
      }
      onProgress?.({ stage: 'prefill', done: stop, total: end });
      if (stop < end) await yieldToEventLoop();
    }
  }

  /** Logits [k, V] at `positions`; self layers must be prefilled. The caller owns the result. */
  logits(context: Context, positions: Int32Array): Tensor {
    return this.#logits([{ context, positions, writes: false }]);
  }

  /**
   * Logits [B, V] after the last position of each of B contexts, in one pass. Self layers must be prefilled up to the
   * last position; the pass fills in that one. Throws with nothing changed. The caller owns the result.
   */
  nextLogits(contexts: readonly Context[]): Tensor {
    const parts = contexts.map((context) => ({
      context,
      positions: Int32Array.of(context.length - 1),
      writes: context.selfLength < context.length,
    }));
    try {
      for (const { context, writes } of parts) if (writes) context.growSelf(context.length);
      return this.#logits(parts);
    } catch (error) {
      for (const { context, writes } of parts) if (writes) context.truncateSelf(context.length - 1);
      throw error;
    }
  }

  /** Attention weights [H, N] of one position in one layer; self layers must be prefilled. */
  attentionWeights(context: Context, position: number, layer: number): Tensor {
    const operations = this.#operations;
    const { config, weights, contextModel } = this.#runtime;
    return this.#pass([{ context, positions: Int32Array.of(position), writes: false }], (parts, rows) => {
      const hidden = this.#layers(parts, rows, layer);
      const parameters = weights.layers[layer] as LayerWeights<Tensor>;
      const inputs = operations.rmsNorm(hidden, parameters.norm, config.rmsNormEps);
      const queries = layerQueries(operations, config, parameters, inputs);
      return context.weights(layer, contextModel.rotate(queries, rows), rows);
    });
  }

  #logits(parts: readonly ContextRows[]): Tensor {
    const { config, weights } = this.#runtime;
    return this.#pass(parts, (placed, rows) =>
      decoderLogits(this.#operations, config, weights, this.#layers(placed, rows, weights.layers.length)),
    );
  }

  #prefillChunk(context: Context, start: number, end: number): void {
    const last = this.#lastSelf;
    const { config, weights } = this.#runtime;
    this.#pass([{ context, positions: consecutive(start, end - start), writes: true }], (parts, rows) => {
      const hidden = this.#layers(parts, rows, last);
      const { norm } = weights.layers[last] as LayerWeights<Tensor>;
      this.#writeSelf(parts, rows, last, this.#operations.rmsNorm(hidden, norm, config.rmsNormEps));
      return [];
    });
  }

  /** Puts the rows of all contexts one after the other on the device for the time of `body`. */
  #pass<T extends Tensor | readonly Tensor[]>(
    parts: readonly ContextRows[],
    body: (parts: readonly PlacedRows[], rows: IndexTensor) => T,
  ): T {
    const operations = this.#operations;
    return operations.scope(() => {
      const counts = parts.map(({ positions }) => positions.length);
      const all = Int32Array.from(parts.flatMap(({ positions }) => [...positions]));
      const rows = operations.index(all);
      operations.own(rows.tensor);
      let end = 0;
      const placed = parts.map((part, place) => {
        const start = end;
        end += counts[place] as number;
        return {
          ...part,
          start,
          rows: IndexTensor.over(part.positions, operations.slice(rows.tensor, start, end - start)),
        };
      });
      return body(placed, rows);
    });
  }

  /** Hidden states [T, D] of all rows behind layers [0, to); keys and values are stored where parts say so. */
  #layers(parts: readonly PlacedRows[], rows: IndexTensor, to: number): Tensor {
    const operations = this.#operations;
    const { config, weights, contextModel } = this.#runtime;
    let hidden = this.#initialStates(parts);
    for (const [layer, parameters] of weights.layers.slice(0, to).entries()) {
      const before = hidden;
      hidden = decoderLayer(operations, config, parameters, hidden, (queries, inputs) => {
        this.#writeSelf(parts, rows, layer, inputs);
        return this.#attend(parts, layer, contextModel.rotate(queries, rows), rows);
      });
      before.dispose();
    }
    return hidden;
  }

  #initialStates(parts: readonly PlacedRows[]): Tensor {
    const { config, weights } = this.#runtime;
    const texts = parts.map(({ context, positions }) => ({ sequence: context.ids, positions }));
    const window = createJoinedIdWindow(this.#operations.backend, texts, config);
    try {
      return this.#operations.scope(() => initialStates(this.#operations, weights, window));
    } finally {
      window.dispose();
    }
  }

  /** Attention of rotated queries [T, H, C], each over the context its row belongs to: [T, H, C]. */
  #attend(parts: readonly PlacedRows[], layer: number, queries: Tensor, positions: IndexTensor): Tensor {
    const operations = this.#operations;
    const [only, ...others] = parts as readonly [PlacedRows, ...PlacedRows[]];
    if (others.length === 0) return only.context.attend(layer, queries, only.rows);
    const views = parts.map(({ context, positions: { length } }) => (length === 1 ? context.view(layer) : null));
    const joined = views.flatMap((view) => view ?? []);
    if (joined.length === parts.length) return attendViews(this.#runtime.contextModel, queries, positions, joined);
    return operations.scope(() => {
      const out = operations.allocate(queries.shape);
      const rows = parts.flatMap(({ start }, place) => (views[place] === null ? [] : [start]));
      if (rows.length > 0) this.#attendJoined(rows, queries, positions, joined, out);
      parts.forEach(({ context, start, positions: { length }, rows: own }, place) => {
        if (views[place] !== null) return;
        operations.scope(() => {
          const attended = context.attend(layer, operations.slice(queries, start, length), own);
          operations.backend.primitives.cast({ input: attended, out: operations.slice(out, start, length) });
        });
      });
      return out;
    });
  }

  /** Attention of some rows of the pass, each over a view of its own, into the same rows of `out`. */
  #attendJoined(
    rows: readonly number[],
    queries: Tensor,
    positions: IndexTensor,
    views: readonly ContextView[],
    out: Tensor,
  ): void {
    const operations = this.#operations;
    const { cast } = operations.backend.primitives;
    operations.scope(() => {
      const own = operations.allocate([rows.length, ...queries.shape.slice(1)]);
      rows.forEach((row, place) => {
        cast({ input: operations.slice(queries, row, 1), out: operations.slice(own, place, 1) });
      });
      const at = operations.index(rows.map((row) => positions.values[row] as number));
      operations.own(at.tensor);
      const attended = attendViews(this.#runtime.contextModel, own, at, views);
      rows.forEach((row, place) => {
        cast({ input: operations.slice(attended, place, 1), out: operations.slice(out, row, 1) });
      });
    });
  }

  /** Stores keys and values of a self layer's inputs u [T, D] where parts say so; nothing in inattention layers. */
  #writeSelf(parts: readonly PlacedRows[], rows: IndexTensor, layer: number, inputs: Tensor): void {
    const operations = this.#operations;
    const { config, weights, contextModel } = this.#runtime;
    const writing = parts.filter(({ writes }) => writes);
    if (writing.length === 0 || contextModel.inattentionLayers.includes(layer)) return;
    operations.scope(() => {
      const parameters = weights.layers[layer] as LayerWeights<Tensor>;
      const { keys, values } = projectKeysAndValues(operations, parameters, inputs, config);
      const rotated = contextModel.rotate(keys, rows);
      for (const { context, start, positions } of writing) {
        const own = (tensor: Tensor) => operations.slice(tensor, start, positions.length);
        context.writeSelf(layer, positions[0] as number, own(rotated), own(values));
      }
    });
  }
}
