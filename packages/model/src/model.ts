/**
 * A model on a device: weights, the tables its sessions share, and its tokenizer. Made by `loadModel` or `createModel`;
 * disposing of it disposes of its sessions.
 */

import {
  type Backend,
  DisposedError,
  EagerOperations,
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
import {
  type ChatMessage,
  type ChatOptions,
  type ChatTemplate,
  renderChat,
  type Tokenizer,
} from '@inattention/formats';
import { checkIdValues } from './check-id-values.ts';
import { type DecoderWeights, weightTensors } from './decoder-weights.ts';
import { checkWeightDType } from './place-weight.ts';
import type { SavedSession } from './saved-session.ts';
import { Session } from './session.ts';
import type { RunOptions } from './session-decoder.ts';
import { weightsFingerprint } from './weights-fingerprint.ts';

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
  /** On the model's backend, which the caller keeps. */
  readonly operations: EagerOperations;
  readonly config: ModelConfig;
  readonly weights: DecoderWeights<Tensor>;
  /** What `weights` keep matrices in. Default f32. */
  readonly weightDType?: WeightDType;
  /** Device bytes of the weights, where not all matrices are in `weightDType`. */
  readonly weightBytes?: number;
  readonly tokenizer: Tokenizer | null;
  /** How conversations are written as text. Default: the model does not say. */
  readonly chatTemplate?: ChatTemplate | null;
  /** Identifies configuration and weights in saved sessions. */
  readonly fingerprint: string;
  /** Bytes each table may take. */
  readonly tableBudget?: number;
  /** Brings the same weights, in the same dtype, onto another backend. Without it the model cannot be recovered. */
  readonly placeAgain?: PlaceWeights;
}

/** Puts a model's weights on a backend. A failure leaves nothing behind. */
export type PlaceWeights = (backend: Backend, options: RunOptions) => Promise<DecoderWeights<Tensor>>;

/** A model that takes over its weights: they go with it, or when it cannot be made. */
export function modelOwning(parts: ModelParts): Model {
  try {
    return new Model(parts);
  } catch (error) {
    disposeWeights(parts.weights);
    throw error;
  }
}

/** What a model has on its backend. */
interface Placed {
  readonly operations: EagerOperations;
  readonly weights: DecoderWeights<Tensor>;
  readonly contextModel: ContextModel;
}

export class Model {
  readonly config: ModelConfig;
  /** What matrices are kept in (some of them: `placementOf`). */
  readonly weightDType: WeightDType;
  readonly tokenizer: Tokenizer | null;
  /** How conversations are written as text; null when the model does not say. */
  readonly chatTemplate: ChatTemplate | null;
  readonly #weightBytes: number | undefined;
  readonly #fingerprint: string;
  /** That of weights that were changed, and the version it is of. */
  #changed: { readonly version: number; readonly fingerprint: Promise<string> } | null = null;
  readonly #sessions = new Set<Session>();
  readonly #tableBudget: number | undefined;
  readonly #placeAgain: PlaceWeights | undefined;
  #placed: Placed;
  #recovery: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(parts: ModelParts) {
    this.config = parts.config;
    this.weightDType = parts.weightDType ?? 'f32';
    this.#weightBytes = parts.weightBytes;
    this.tokenizer = parts.tokenizer;
    this.chatTemplate = parts.chatTemplate ?? null;
    this.#fingerprint = parts.fingerprint;
    this.#tableBudget = parts.tableBudget;
    this.#placeAgain = parts.placeAgain;
    this.#placed = this.#place(parts.operations, parts.weights);
  }

  get backend(): Backend {
    return this.#placed.operations.backend;
  }

  get operations(): EagerOperations {
    return this.#placed.operations;
  }

  get weights(): DecoderWeights<Tensor> {
    return this.#placed.weights;
  }

  /** What the contexts of this model share; another one after `recover`. */
  get contextModel(): ContextModel {
    return this.#placed.contextModel;
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
    const kept = options.weightDType === undefined && this.#weightBytes !== undefined;
    const bytes = kept ? { weightBytes: this.#weightBytes } : {};
    return plan(this.config, { weightDType: this.weightDType, ...bytes, ...options });
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
    const fingerprint = await this.fingerprint();
    if (saved.model !== fingerprint || saved.tokenizer !== tokenizer) {
      const part = saved.model === fingerprint ? 'tokenizer' : 'model';
      throw new InvalidFileError({
        what: `The saved session belongs to another ${part}.`,
        got: part === 'model' ? saved.model : String(saved.tokenizer),
        expected: part === 'model' ? fingerprint : String(tokenizer),
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

  /**
   * Moves the model to another backend, after its own was lost or to continue elsewhere: weights come again from where
   * they came from, sessions remake their contexts from their ids at their next call, tables fill as ids are seen. The
   * old backend stays the caller's to dispose of. Throws UnsupportedError, with nothing changed, when the weights cannot
   * be had again (they were handed over as tensors, or changed since).
   */
  recover(backend: Backend, options: RunOptions = {}): Promise<void> {
    const recovery = this.#recovery.then(() => this.#recover(backend, options));
    this.#recovery = recovery.catch(() => undefined);
    return recovery;
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

  /**
   * Identifies configuration and weights in saved sessions, as they are now: after training it is that of the files that
   * the model would be saved to, and of the model loaded from them.
   */
  fingerprint(): Promise<string> {
    const { version } = this.contextModel;
    if (version === 0) return Promise.resolve(this.#fingerprint);
    if (this.#changed?.version !== version) {
      this.#changed = { version, fingerprint: weightsFingerprint(this.config, this.weights) };
    }
    return this.#changed.fingerprint;
  }

  /** Token ids of a text. Throws UnsupportedError when the model came without a tokenizer. */
  encode(text: string): Int32Array {
    const ids = this.#requireTokenizer().encode(text);
    checkTokens(ids, this.config.vocabSize);
    return ids;
  }

  /**
   * Token ids of a conversation as the model's chat template writes it. Throws UnsupportedError when the model came without
   * a template or tokenizer, InvalidArgumentError where the template refuses the messages, InvalidFileError for a broken one.
   */
  async encodeChat(messages: readonly ChatMessage[], options: ChatOptions = {}): Promise<Int32Array> {
    if (this.chatTemplate === null) {
      throw new UnsupportedError({
        what: 'The model has no chat template.',
        fix: 'give the conversation as text, or put chat_template into tokenizer_config.json of the folder',
      });
    }
    return this.encode(await renderChat(this.chatTemplate, messages, options));
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
    discard(this.#placed);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #recover(backend: Backend, options: RunOptions): Promise<void> {
    this.#alive();
    if (backend === this.backend) return;
    if (this.#placeAgain === undefined || this.contextModel.version > 0) {
      throw new UnsupportedError({
        what: 'The weights of this model cannot be had again.',
        got: this.#placeAgain === undefined ? 'weights that were handed over as tensors' : 'weights changed since',
        fix: 'save them, load the saved model on the new backend and restore the sessions there',
      });
    }
    checkWeightDType(backend, this.weightDType);
    const weights = await this.#placeAgain(backend, options);
    const before = this.#placed;
    try {
      this.#alive();
      this.#placed = this.#place(new EagerOperations(backend), weights);
    } catch (error) {
      disposeWeights(weights);
      throw error;
    }
    discard(before);
  }

  #place(operations: EagerOperations, weights: DecoderWeights<Tensor>): Placed {
    const options = this.#tableBudget === undefined ? {} : { tableBudget: this.#tableBudget };
    return { operations, weights, contextModel: new ContextModel(operations, this.config, weights, options) };
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

function discard({ contextModel, weights }: Placed): void {
  contextModel.dispose();
  disposeWeights(weights);
}

function disposeWeights(weights: DecoderWeights<Tensor>): void {
  for (const tensor of new Set(weightTensors(weights))) tensor.dispose();
}
