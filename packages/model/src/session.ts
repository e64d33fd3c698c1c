/**
 * A session: one context being read, written and continued. The context is its ids; appending, editing, forking and
 * saving cost what DESIGN §3 says. Calls are taken one at a time in order, and a call that fails or is cancelled leaves
 * the session as it was.
 */

import {
  type Backend,
  DisposedError,
  IndexTensor,
  InvalidArgumentError,
  type Tensor,
  throwIfAborted,
} from '@inattention/core';
import { Context, type ContextDType, type ContextMode } from '@inattention/core/math';
import { checkPositions } from './check-positions.ts';
import { Exclusive } from './exclusive.ts';
import { admit, fill } from './fill-context.ts';
import { checkLogits, nonFinite, splitRows } from './logit-rows.ts';
import type { Model } from './model.ts';
import type { Sampler } from './sampling/sampler.ts';
import type { SavedSession } from './saved-session.ts';
import { type RunOptions, SessionDecoder } from './session-decoder.ts';
import { yieldToEventLoop } from './yield-to-event-loop.ts';

/** Largest block of logits held at once, in elements. */
const logitsBlock = 1 << 22;

/** Positions computed at a time when many are asked for. */
const positionsBlock = 256;

export interface SessionParts {
  readonly model: Model;
  readonly context: Context;
  /** Bytes the context may take. */
  readonly budget: number;
  readonly onDispose: (session: Session) => void;
}

/** Text or token ids. */
export type Content = string | Int32Array | readonly number[];

export class Session {
  readonly model: Model;
  #context: Context;
  readonly #budget: number;
  readonly #decoder: SessionDecoder;
  readonly #exclusive = new Exclusive();
  readonly #onDispose: (session: Session) => void;
  #disposed = false;

  /** Made by `model.createSession()`. */
  constructor({ model, context, budget, onDispose }: SessionParts) {
    this.model = model;
    this.#context = context;
    this.#budget = budget;
    this.#decoder = new SessionDecoder(model);
    this.#onDispose = onDispose;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  get mode(): ContextMode {
    return this.#context.mode;
  }

  get dtype(): ContextDType {
    return this.#context.dtype;
  }

  /** Ids in the context. */
  get length(): number {
    return this.#context.length;
  }

  /** A copy of the ids. Throws DisposedError. */
  get tokens(): Int32Array {
    return this.#context.ids.slice();
  }

  /** A copy of the last `count` ids, or of all when there are fewer. */
  lastTokens(count: number): Int32Array {
    return this.#context.ids.slice(Math.max(0, this.length - count));
  }

  /** Device bytes of this session's context; pages shared with forks are counted in each. */
  get contextBytes(): number {
    return this.#context.byteLength;
  }

  /** Device bytes of the model's tables, shared by all its sessions. */
  get tableBytes(): number {
    return this.model.contextModel.tableBytes;
  }

  /** Host bytes of the ids and, in `states`, of the rows that hold their states. */
  get hostBytes(): number {
    return this.#context.hostByteLength;
  }

  /** Bytes the context may take; Infinity when unlimited. */
  get budget(): number {
    return this.#budget;
  }

  /** Adds ids or text at the end. */
  append(content: Content, options: RunOptions = {}): Promise<void> {
    return this.#enqueue(() => this.#append(this.#ids(content), options));
  }

  /** Inserts ids or text before `position`. */
  insert(position: number, content: Content): Promise<void> {
    return this.replace(position, 0, content);
  }

  /** Removes `count` ids from `position` on. */
  remove(position: number, count: number): Promise<void> {
    return this.replace(position, count, []);
  }

  /** Replaces `count` ids from `position` on. */
  replace(position: number, count: number, content: Content): Promise<void> {
    return this.#enqueue(async () => {
      const ids = this.#ids(content);
      await admit(this.#context, this.length - count + ids.length, this.#budget);
      const { contextModel, backend } = this.model;
      const marks = contextModel.markTables();
      const edit = this.#context.prepare(position, count, ids);
      try {
        await backend.sync();
      } catch (error) {
        edit.rollback();
        contextModel.rollBackTables(marks, true);
        throw error;
      }
      edit.commit();
    });
  }

  /** A session with the same context that shares pages, table rows and weights, and survives this one. */
  fork(): Promise<Session> {
    return this.#enqueue(async () => {
      const context = this.#context.fork();
      try {
        await this.model.backend.sync();
        return this.model.adopt(context, this.#budget);
      } catch (error) {
        context.dispose();
        throw error;
      }
    });
  }

  /** What the session is, in a few bytes per token; `model.restoreSession` makes it again. */
  save(sampler?: Sampler): Promise<SavedSession> {
    return this.#enqueue(async () => ({
      version: 1,
      model: await this.model.fingerprint(),
      tokenizer: this.model.tokenizer?.fingerprint ?? null,
      mode: this.mode,
      dtype: this.dtype,
      ids: this.tokens,
      ...(sampler !== undefined && { sampler: sampler.state }),
    }));
  }

  /**
   * Logits [V] of the token after the last one of each session, computed in one pass of the layers. The sessions are
   * different ones of one model, in any modes, of any lengths, forks of each other or not. Throws with every session as
   * it was but for finished pieces of prefill; where logits are not finite, NonFiniteError.
   */
  static async nextLogits(sessions: readonly Session[], options: RunOptions = {}): Promise<Float32Array[]> {
    const logits = await Session.nextLogitsUnchecked(sessions, options);
    logits.forEach((row, order) => {
      checkLogits(row, (sessions[order] as Session).length - 1);
    });
    return logits;
  }

  /** The same without a look at what came out. */
  static async nextLogitsUnchecked(sessions: readonly Session[], options: RunOptions = {}): Promise<Float32Array[]> {
    const [first] = sessions;
    if (first === undefined) return [];
    if (new Set(sessions).size < sessions.length || sessions.some(({ model }) => model !== first.model)) {
      throw new InvalidArgumentError({
        what: 'A pass takes different sessions of one model.',
        fix: 'fork a session that is to be continued twice; run the sessions of each model by themselves',
      });
    }
    return Exclusive.run(
      sessions.map((session) => session.#exclusive),
      async () => {
        for (const session of sessions) if (session.#stale) await session.#remake(options);
        for (const session of sessions) session.#alive();
        for (const session of sessions) checkPositions([session.length - 1], session.length);
        for (const session of sessions) await session.#prepare(session.length - 1, options);
        throwIfAborted(options.signal, 'The computation');
        const contexts = sessions.map((session) => session.#context);
        const before = contexts.map(({ selfLength }) => selfLength);
        try {
          using logits = first.#decoder.nextLogits(contexts);
          return splitRows(await logits.readFloat32(), sessions.length);
        } catch (error) {
          sessions.forEach((session, order) => {
            if (!session.#disposed) session.#context.truncateSelf(before[order] as number);
          });
          throw error;
        }
      },
    );
  }

  /** Logits [V] of the token after the last one. */
  async nextLogits(options: RunOptions = {}): Promise<Float32Array> {
    const [logits] = await Session.nextLogits([this], options);
    return logits as Float32Array;
  }

  /** Computes what `nextLogits` needs of all ids but the last, which it would otherwise do itself. */
  prefill(options: RunOptions = {}): Promise<void> {
    return this.#enqueue(async () => {
      checkPositions([this.length - 1], this.length);
      await this.#prepare(this.length - 1, options);
    });
  }

  /** Logits [V] of the token after each of `positions`. */
  logitsAt(positions: readonly number[] | Int32Array, options: RunOptions = {}): Promise<Float32Array[]> {
    return this.#enqueue(() => this.#logitsAt([...positions], options));
  }

  /**
   * Natural-log loss of `targets[r]` as the token after position `positions[r]`, without ever holding more than a
   * bounded block of logits.
   */
  lossAt(
    positions: readonly number[] | Int32Array,
    targets: readonly number[] | Int32Array,
    options: RunOptions = {},
  ): Promise<Float64Array> {
    return this.#enqueue(() => this.#lossAt([...positions], [...targets], options));
  }

  /** Attention weights of the query at `position` in one layer: one Float32Array [N] per head. */
  attentionWeights(layer: number, position = this.length - 1, options: RunOptions = {}): Promise<Float32Array[]> {
    return this.#enqueue(async () => {
      checkPositions([position], this.length);
      if (!(Number.isInteger(layer) && layer >= 0 && layer < this.model.config.numHiddenLayers)) {
        throw new InvalidArgumentError({
          what: 'There is no such layer.',
          got: String(layer),
          expected: `0 … ${this.model.config.numHiddenLayers - 1}`,
        });
      }
      await this.#prepare(this.length, options);
      using weights = this.#decoder.attentionWeights(this.#context, position, layer);
      return splitRows(await weights.readFloat32(), this.model.config.numAttentionHeads);
    });
  }

  /**
   * Continues on another backend, after the device was lost or to move there: the model's weights are placed anew, this
   * session's context is made again from its ids. The model's other sessions follow at their next call. Nothing is lost:
   * a generation that failed with BackendLostError goes on with the same tokens (`generate` with the same sampler).
   */
  async recover(backend: Backend, options: RunOptions = {}): Promise<void> {
    this.#alive();
    await this.model.recover(backend, options);
    await this.#enqueue(async () => undefined, options);
  }

  /** Frees the context. Work already asked for fails with DisposedError. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#context.dispose();
    this.#onDispose(this);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #enqueue<T>(work: () => Promise<T>, options: RunOptions = {}): Promise<T> {
    return this.#exclusive.run(async () => {
      if (this.#stale) await this.#remake(options);
      this.#alive();
      return work();
    });
  }

  /** Whether the model has moved to another backend since the context was made. */
  get #stale(): boolean {
    return this.#context.model !== this.model.contextModel;
  }

  /** Makes the context again where the model is now. Throws with the old one kept. */
  async #remake(options: RunOptions): Promise<void> {
    const before = this.#context;
    const moved = new Context(this.model.contextModel, { mode: this.mode, dtype: this.dtype });
    try {
      await admit(moved, before.length, this.#budget);
      await fill(moved, before.ids.slice(), options);
      this.#alive();
    } catch (error) {
      moved.dispose();
      throw error;
    }
    this.#context = moved;
    before.dispose();
  }

  #alive(): void {
    if (this.#disposed) throw new DisposedError({ what: 'The session was used after it was disposed of.' });
  }

  #ids(content: Content): Int32Array {
    return typeof content === 'string' ? this.model.encode(content) : this.model.checkIds(content);
  }

  async #append(ids: Int32Array, options: RunOptions): Promise<void> {
    throwIfAborted(options.signal, 'Appending');
    await admit(this.#context, this.length + ids.length, this.#budget);
    await fill(this.#context, ids, options);
  }

  /** Brings positions [0, end) up to date with the weights and fills in self layers. */
  async #prepare(end: number, options: RunOptions): Promise<void> {
    this.#context.refresh();
    await this.#decoder.prefill(this.#context, end, options);
  }

  async #logitsAt(positions: number[], options: RunOptions): Promise<Float32Array[]> {
    checkPositions(positions, this.length);
    await this.#prepare(this.length, options);
    const rows: Float32Array[] = [];
    await this.#eachBlock(positions, options, async (logits) => {
      rows.push(...splitRows(await logits.readFloat32(), logits.shape[0] as number));
    });
    rows.forEach((row, order) => {
      checkLogits(row, positions[order] as number);
    });
    return rows;
  }

  async #lossAt(positions: number[], targets: number[], options: RunOptions): Promise<Float64Array> {
    checkPositions(positions, this.length);
    if (positions.length !== targets.length) {
      throw new InvalidArgumentError({
        what: 'Losses need one target per position.',
        got: `${positions.length} positions and ${targets.length} targets`,
      });
    }
    const ids = this.model.checkIds(targets);
    await this.#prepare(this.length, options);
    const losses = new Float64Array(positions.length);
    await this.#eachBlock(positions, options, async (logits, start) => {
      const { operations } = this.model;
      using wanted = new IndexTensor(this.model.backend, ids.slice(start, start + (logits.shape[0] as number)));
      using nll = operations.crossEntropy(logits, wanted);
      losses.set(await nll.readFloat32(), start);
    });
    const broken = losses.findIndex((loss) => !Number.isFinite(loss));
    if (broken !== -1) throw nonFinite('The loss', positions[broken] as number);
    return losses;
  }

  /** Computes logits of `positions` block by block; each block is freed after `visit`. */
  async #eachBlock(
    positions: number[],
    { signal, onProgress }: RunOptions,
    visit: (logits: Tensor, start: number) => Promise<void>,
  ): Promise<void> {
    const rows = Math.max(1, Math.min(positionsBlock, Math.floor(logitsBlock / this.model.config.vocabSize)));
    for (let start = 0; start < positions.length; start += rows) {
      throwIfAborted(signal, 'The computation');
      const block = Int32Array.from(positions.slice(start, start + rows));
      using logits = this.#decoder.logits(this.#context, block);
      await visit(logits, start);
      if (positions.length > rows) {
        onProgress?.({ stage: 'score', done: Math.min(positions.length, start + rows), total: positions.length });
        await yieldToEventLoop();
      }
    }
  }
}
