/**
 * A model on a device: weights, the tables its sessions share, and its tokenizer. Made by `loadModel` or `createModel`;
 * disposing of it disposes of its sessions.
 */

import {
  type Backend,
  DisposedError,
  type EagerOperations,
  InvalidFileError,
  type Tensor,
  UnsupportedError,
} from '@inattention/core';
import {
  Context,
  type ContextDType,
  type ContextMode,
  ContextModel,
  type ContextPlan,
  checkTokens,
  type ModelConfig,
  type PlanOptions,
  parameterCount,
  plan,
  type WeightDType,
} from '@inattention/core/math';
import type { Tokenizer } from '@inattention/formats';
import { checkIdValues } from './check-id-values.ts';
import type { DecoderWeights } from './decoder-weights.ts';
import type { SavedSession } from './saved-session.ts';
import { Session } from './session.ts';
import type { RunOptions } from './session-decoder.ts';

export interface SessionOptions {
  /** Default `auto`: what `plan()` picks for `expectedTokens`. */
  readonly context?: ContextMode | 'auto';
  /** dtype of what the context keeps. Default f32. */
  readonly dtype?: ContextDType;
  /** Bytes the session's context may take. Default: no limit. */
  readonly budget?: number;
  /** Length that `auto` plans for. Default 4096. */
  readonly expectedTokens?: number;
}

export interface ModelParts {
  readonly backend: Backend;
  readonly operations: EagerOperations;
  readonly config: ModelConfig;
  readonly weights: DecoderWeights<Tensor>;
  /** What `weights` keep matrices in. Default f32. */
  readonly weightDType?: WeightDType;
  readonly tokenizer: Tokenizer | null;
  /** Identifies configuration and weights in saved sessions. */
  readonly fingerprint: string;
  /** Bytes each table may take. */
  readonly tableBudget?: number;
}

export class Model {
  readonly backend: Backend;
  readonly operations: EagerOperations;
  readonly config: ModelConfig;
  readonly weights: DecoderWeights<Tensor>;
  /** What matrices are kept in. */
  readonly weightDType: WeightDType;
  readonly contextModel: ContextModel;
  readonly tokenizer: Tokenizer | null;
  readonly fingerprint: string;
  readonly #sessions = new Set<Session>();
  #disposed = false;

  constructor(parts: ModelParts) {
    this.backend = parts.backend;
    this.operations = parts.operations;
    this.config = parts.config;
    this.weights = parts.weights;
    this.weightDType = parts.weightDType ?? 'f32';
    this.tokenizer = parts.tokenizer;
    this.fingerprint = parts.fingerprint;
    const options = parts.tableBudget === undefined ? {} : { tableBudget: parts.tableBudget };
    this.contextModel = new ContextModel(parts.operations, parts.config, parts.weights, options);
  }

  /** Number of parameters. */
  get parameters(): number {
    return parameterCount(this.config);
  }

  /** Device bytes of the tables all sessions share. */
  get tableBytes(): number {
    return this.contextModel.tableBytes;
  }

  /** Bytes each context mode would take with these weights, and which one `auto` picks. */
  plan(options: PlanOptions): ContextPlan {
    return plan(this.config, { weightDType: this.weightDType, ...options });
  }

  createSession(options: SessionOptions = {}): Session {
    this.#alive();
    const { context: wanted = 'auto', dtype = 'f32', budget = Number.POSITIVE_INFINITY } = options;
    const mode = wanted === 'auto' ? this.#choose(options) : wanted;
    return this.adopt(new Context(this.contextModel, { mode, dtype }), budget);
  }

  /**
   * The session that was saved, recomputed from its ids. `options` override what it was saved with. Throws
   * InvalidFileError when it belongs to another model or tokenizer.
   */
  async restoreSession(saved: SavedSession, options: SessionOptions & RunOptions = {}): Promise<Session> {
    const tokenizer = this.tokenizer?.fingerprint ?? null;
    if (saved.model !== this.fingerprint || saved.tokenizer !== tokenizer) {
      const part = saved.model === this.fingerprint ? 'tokenizer' : 'model';
      throw new InvalidFileError({
        what: `The saved session belongs to another ${part}.`,
        got: part === 'model' ? saved.model : String(saved.tokenizer),
        expected: part === 'model' ? this.fingerprint : String(tokenizer),
        fix: `load the ${part} it was saved with`,
      });
    }
    this.checkIds(saved.ids);
    const session = this.createSession({ context: saved.mode, dtype: saved.dtype, ...options });
    try {
      await session.append(saved.ids, options);
      return session;
    } catch (error) {
      session.dispose();
      throw error;
    }
  }

  /** A session over a context of this model, which the session then owns. */
  adopt(context: Context, budget: number): Session {
    this.#alive();
    const session = new Session({
      model: this,
      context,
      budget,
      onDispose: (ended) => this.#sessions.delete(ended),
    });
    this.#sessions.add(session);
    return session;
  }

  /** Token ids of a text. Throws UnsupportedError when the model came without a tokenizer. */
  encode(text: string): Int32Array {
    const ids = this.#requireTokenizer().encode(text);
    checkTokens(ids, this.config.vocabSize);
    return ids;
  }

  /** Text of token ids. */
  decode(ids: Iterable<number>): string {
    return this.#requireTokenizer().decode(ids);
  }

  /** Ids as an Int32Array, each checked to be a whole number below V. */
  checkIds(ids: Int32Array | readonly number[]): Int32Array {
    return checkIdValues(ids, this.config.vocabSize);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const session of [...this.#sessions]) session.dispose();
    this.contextModel.dispose();
    for (const tensor of new Set(weightTensors(this.weights))) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #choose({ expectedTokens = 4096, dtype = 'f32', budget }: SessionOptions): ContextMode {
    const { maxPositionEmbeddings, positionEmbeddingType } = this.config;
    const tokens =
      positionEmbeddingType === 'learned' ? Math.min(expectedTokens, maxPositionEmbeddings) : expectedTokens;
    const planned = this.plan({ tokens, dtype });
    if (budget === undefined) return planned.chosen as ContextMode;
    const fitting = planned.rows.filter((row) => row.contextBytes <= budget).map((row) => row.mode);
    if (fitting.includes(planned.chosen as ContextMode)) return planned.chosen as ContextMode;
    const [mode] = fitting;
    if (mode === undefined) {
      throw new UnsupportedError({
        what: `No context mode keeps ${tokens} ids within the budget.`,
        got: `${budget} bytes`,
        expected: `at least ${Math.min(...planned.rows.map((row) => row.contextBytes))} bytes`,
        fix: 'raise the budget or lower expectedTokens',
      });
    }
    return mode;
  }

  #requireTokenizer(): Tokenizer {
    this.#alive();
    if (this.tokenizer === null) {
      throw new UnsupportedError({
        what: 'This model has no tokenizer.',
        fix: 'put its tokenizer.json into the model folder, or pass token ids instead of text',
      });
    }
    return this.tokenizer;
  }

  #alive(): void {
    if (this.#disposed) throw new DisposedError({ what: 'The model was used after it was disposed of.' });
  }
}

/** Every tensor of a decoder, the tied head included (as the embedding again). */
function weightTensors<V>(weights: DecoderWeights<V>): V[] {
  const { embedding, positions, initialState, layers, norm, head } = weights;
  const shared = [embedding, positions, initialState, norm, head].filter((value): value is V & {} => value !== null);
  return [...shared, ...layers.flatMap((layer) => Object.values(layer) as V[])];
}
