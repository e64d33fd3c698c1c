/**
 * What the page can do: open models, change the context, generate, compare, look at attention. Everything that touches
 * the session goes through one queue; the page reads the state and calls, and never waits for the model.
 */

import { InvalidArgumentError } from '@inattention/core';
import {
  connectModels,
  type ModelLocation,
  type WorkerModel,
  type WorkerModels,
  type WorkerSession,
} from '@inattention/model/worker';
import type { BackendChoice } from './backend-choice.ts';
import { type BackendReplaced, isBackendReplaced } from './backend-replaced.ts';
import { continueWithSeeds, optionsOf } from './continue-with-seeds.ts';
import { diffIds, joinIds } from './diff-ids.ts';
import { failureOf } from './failure.ts';
import { formatBytes } from './format.ts';
import { meanAttention } from './mean-attention.ts';
import { modelAt } from './model-cache.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { distinctIds, PlannedMode } from './planned-mode.ts';
import {
  type ContextModeChoice,
  defaultSampling,
  type Part,
  type PlaygroundState,
  type SamplingSettings,
} from './playground-state.ts';
import { Store } from './store.ts';
import { surviving } from './surviving.ts';
import { TextTokenizer } from './text-tokenizer.ts';
import { topTokens } from './top-tokens.ts';

const shownTokens = 10;

export class Playground {
  readonly store = new Store<PlaygroundState>({
    modelName: null,
    model: null,
    session: null,
    mode: 'auto',
    parts: [{ key: 0, name: 'Text', text: '', ids: null, revision: 0 }],
    ids: new Int32Array(0),
    distinct: 0,
    next: [],
    change: null,
    generating: false,
    generation: null,
    comparison: [],
    busy: null,
    failure: null,
    notice: null,
    sampling: defaultSampling,
  });
  readonly backendChoice: BackendChoice;
  readonly #models: WorkerModels;
  #location: ModelLocation | null = null;
  readonly #planned = new PlannedMode();
  #model: WorkerModel | null = null;
  #session: WorkerSession | null = null;
  #tokenizer: TextTokenizer | null = null;
  readonly #work = new OneAtATime();
  #nextKey = 1;

  constructor(choice: BackendChoice) {
    this.backendChoice = choice;
    const worker = new Worker(new URL('./model.worker.ts', import.meta.url), { type: 'module', name: choice });
    worker.addEventListener('error', () => {
      this.store.update({ busy: null, failure: { message: 'The model’s worker ended.', fix: 'reload the page' } });
    });
    worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (isBackendReplaced(data)) this.#tellOfLoss(data);
    });
    this.#models = connectModels(worker);
  }

  /** Where the open model is. */
  get location(): ModelLocation | null {
    return this.#location;
  }

  /** Opens a model and puts the present context into it. */
  openModel(name: string, location: ModelLocation): Promise<void> {
    return this.#open(name, async () => location);
  }

  /** Opens the model at an address: what is kept of it in the browser, or after a download. */
  openUrl(url: string): Promise<void> {
    return this.#open(url, (signal) =>
      modelAt(url, signal, (name, done, total) => {
        const of = total === null ? '' : ` of ${formatBytes(total)}`;
        this.#busy(`downloading ${name}, ${formatBytes(done)}${of}`, total && done / total);
      }),
    );
  }

  #open(name: string, locate: (signal: AbortSignal) => Promise<ModelLocation>): Promise<void> {
    this.dismissFailure();
    return this.#run(`opening ${name}`, async (signal) => {
      const location = await locate(signal);
      const model = await this.#models.load(location, {
        signal,
        onProgress: ({ done, total }) => this.#busy(`opening ${name}`, done / total),
      });
      await this.#session?.dispose();
      await this.#model?.dispose();
      this.#model = model;
      this.#location = location;
      this.#tokenizer = new TextTokenizer(model);
      const parts = this.store.get().parts.map((part) => ({ ...part, ids: null }));
      this.store.update({ modelName: name, model: model.description, parts, comparison: [] });
      this.#planned.reset();
      await this.#newSession();
      await this.#synchronise(signal);
    });
  }

  /** Takes another context mode: the same context, made again from its ids. */
  setMode(mode: ContextModeChoice): Promise<void> {
    this.store.update({ mode });
    return this.#run('changing the mode', async (signal) => {
      this.#planned.reset();
      await this.#newSession();
      await this.#synchronise(signal);
    });
  }

  setSampling(change: Partial<SamplingSettings>): void {
    this.store.update({ sampling: { ...this.store.get().sampling, ...change } });
  }

  /** A part's text was changed by its field. */
  editPart(key: number, text: string): Promise<void> {
    this.#replacePart(key, (part) => ({ ...part, text, ids: null }));
    return this.#run('taking in the change', (signal) => this.#synchronise(signal));
  }

  renamePart(key: number, name: string): void {
    this.#replacePart(key, (part) => ({ ...part, name }));
  }

  addPart(name: string, text: string): Promise<void> {
    const part: Part = { key: this.#nextKey++, name, text, ids: null, revision: 0 };
    const { parts } = this.store.get();
    // Before the last part, which is the one that is continued.
    const before = parts.slice(0, -1);
    this.store.update({ parts: [...before, part, ...parts.slice(-1)] });
    return this.#run(`reading ${name}`, (signal) => this.#synchronise(signal));
  }

  removePart(key: number): Promise<void> {
    const { parts } = this.store.get();
    if (parts.length > 1) this.store.update({ parts: parts.filter((part) => part.key !== key) });
    return this.#run('taking in the change', (signal) => this.#synchronise(signal));
  }

  /** Moves a part by so many places, up (negative) or down. */
  movePart(key: number, by: number): Promise<void> {
    const parts = [...this.store.get().parts];
    const from = parts.findIndex((part) => part.key === key);
    const to = Math.min(Math.max(from + by, 0), parts.length - 1);
    parts.splice(to, 0, ...parts.splice(from, 1));
    this.store.update({ parts });
    return this.#run('moving text', (signal) => this.#synchronise(signal));
  }

  /** Replaces the whole context, as a shared link does. */
  setParts(texts: readonly { readonly name: string; readonly text: string }[]): Promise<void> {
    const parts = texts.map(({ name, text }) => ({ key: this.#nextKey++, name, text, ids: null, revision: 0 }));
    this.store.update({ parts, comparison: [] });
    return this.#run('reading the context', (signal) => this.#synchronise(signal));
  }

  /** Continues the last part. */
  generate(): Promise<void> {
    return this.#run('generating', async (signal) => {
      await this.#synchronise(signal); // a change that was not taken in yet: this call stopped it
      const session = this.#ready();
      const { sampling, parts } = this.store.get();
      const { key, text: prompt } = parts.at(-1) as Part;
      const start = session.length;
      const begun = performance.now();
      let first = begun;
      let count = 0;
      let continued = prompt;
      let finish = 'stopped';
      this.store.update({ generating: true, generation: null, change: null });
      try {
        for await (const { text, finishReason } of session.generate({ ...optionsOf(sampling), signal })) {
          if (signal.aborted) break;
          count += 1;
          if (count === 1) first = performance.now();
          continued += text;
          if (finishReason !== undefined) finish = finishReason === 'length' ? 'length' : 'end of text';
          this.#replacePart(key, (part) => ({ ...part, text: continued, revision: part.revision + 1 }));
          const tokensPerSecond = count > 1 ? ((count - 1) * 1000) / (performance.now() - first) : 0;
          this.store.update({
            generation: { tokens: count, firstTokenMs: first - begun, tokensPerSecond, finish: 'running' },
            session: this.#report(session),
          });
        }
      } finally {
        // The session knows which ids it has taken in; where the text was edited meanwhile, it is tokenised again.
        const { ids } = await session.save();
        const before = parts.slice(0, -1).reduce((length, part) => length + (part.ids?.length ?? 0), 0);
        const text = prompt + (await this.#decode(ids.subarray(start)));
        this.#replacePart(key, (part) =>
          part.text === continued ? { ...part, text, ids: ids.slice(before), revision: part.revision + 1 } : part,
        );
        this.#takeIds(ids);
        const { generation } = this.store.get();
        this.store.update({ generating: false, ...(generation && { generation: { ...generation, finish } }) });
      }
      await this.#foresee(session, signal);
    });
  }

  /** Two continuations of the same context, side by side, with two seeds; the context stays as it is. */
  compare(): Promise<void> {
    return this.#run('comparing two continuations', async (signal) => {
      await this.#synchronise(signal);
      const session = this.#ready();
      const { sampling } = this.store.get();
      const seeds = [sampling.seed, sampling.seed + 1];
      this.store.update({ generating: true });
      try {
        await continueWithSeeds(session, sampling, seeds, signal, (comparison) => this.store.update({ comparison }));
      } finally {
        this.store.update({ generating: false });
      }
    });
  }

  /** Takes one of the compared continuations into the context. */
  keep(place: number): Promise<void> {
    const continuation = this.store.get().comparison[place];
    const last = this.store.get().parts.at(-1);
    if (continuation === undefined || last === undefined) return Promise.resolve();
    this.#replacePart(last.key, (part) => ({
      ...part,
      text: part.text + continuation.text,
      ids: null,
      revision: part.revision + 1,
    }));
    this.store.update({ comparison: [] });
    return this.#run('taking in the continuation', (signal) => this.#synchronise(signal));
  }

  /** Stops whatever is running. */
  stop(): void {
    this.#work.stop();
  }

  /**
   * Attention weights [N] of the next token: of one head of one layer, or the mean where null. Each row sums to 1.
   */
  attention(layer: number | null, head: number | null): Promise<Float32Array | null> {
    return this.#work.after(async () => {
      const session = this.#session;
      if (session === null || this.#model === null || session.length === 0) return null;
      const { numHiddenLayers } = this.#model.config;
      return surviving(session, null, () => meanAttention(session, numHiddenLayers, layer, head));
    });
  }

  /** Texts of ids one by one. */
  async textsOf(ids: Int32Array): Promise<string[]> {
    return this.#model === null ? [] : this.#model.decodeEach(ids);
  }

  async #decode(ids: Int32Array): Promise<string> {
    return this.#model === null ? '' : this.#model.decode(ids);
  }

  dismissFailure(): void {
    this.store.update({ failure: null, notice: null });
  }

  fail(error: unknown): void {
    const failure = failureOf(error);
    if (failure !== null) this.store.update({ failure });
  }

  /** One thing after another: whatever is running is stopped for what comes next. */
  #run(what: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    return this.#work.instead(async (signal) => {
      this.#busy(what, null);
      try {
        await work(signal);
      } catch (error) {
        this.fail(error);
      } finally {
        this.store.update({ busy: null });
      }
    });
  }

  #tellOfLoss({ backend, device }: BackendReplaced): void {
    const notice = `The device was lost in the middle; the same text goes on with ${backend} (${device}).`;
    const { model } = this.store.get();
    this.store.update({ notice, model: model && { ...model, backend, device, reason: 'the one before was lost' } });
  }

  #busy(what: string, share: number | null): void {
    this.store.update({ busy: { what, share } });
  }

  #ready(): WorkerSession {
    if (this.#session !== null) return this.#session;
    throw new InvalidArgumentError({ what: 'No model is open.', fix: 'open one' });
  }

  #report({ mode, contextBytes, tableBytes }: WorkerSession) {
    return { mode, contextBytes, tableBytes };
  }

  #replacePart(key: number, change: (part: Part) => Part): void {
    this.store.update({ parts: this.store.get().parts.map((part) => (part.key === key ? change(part) : part)) });
  }

  #takeIds(ids: Int32Array): void {
    this.store.update({ ids, distinct: distinctIds(ids) });
  }

  async #newSession(mode = this.store.get().mode): Promise<void> {
    await this.#session?.dispose();
    this.#session = null;
    if (this.#model === null) return;
    this.#session = await this.#model.createSession({ context: mode });
    this.store.update({ session: this.#report(this.#session), next: [], change: null });
    this.#takeIds(new Int32Array(0));
  }

  /** Makes the session's context that of the parts: only what differs is replaced. */
  async #synchronise(signal: AbortSignal): Promise<void> {
    if (this.#model === null || this.#tokenizer === null) return;
    const begun = performance.now();
    for (const { key, text, ids, name } of this.store.get().parts) {
      if (ids !== null) continue;
      const found = await this.#tokenizer.encode(text, signal, (share) => this.#busy(`tokenizing ${name}`, share));
      this.#replacePart(key, (part) => (part.text === text ? { ...part, ids: found } : part));
    }
    const { parts, mode } = this.store.get();
    const ids = joinIds(parts.map((part) => part.ids ?? new Int32Array(0)));
    const better = mode === 'auto' ? this.#planned.forLength(this.#model.description, ids) : null;
    if (better !== null && better !== this.#session?.mode) await this.#newSession(better);
    const session = this.#ready();
    const { ids: old } = this.store.get();
    const tokenized = performance.now();
    const change = diffIds(old, ids);
    if (change === null) return;
    const { position, removed, added } = change;
    const run = {
      signal,
      onProgress: ({ done, total }: { done: number; total: number }) => this.#busy('taking in the text', done / total),
    };
    await surviving(session, signal, () =>
      position === old.length ? session.append(added, run) : session.replace(position, removed, added),
    );
    this.#takeIds(ids);
    const changed = performance.now();
    await this.#foresee(session, signal);
    const done = performance.now();
    this.store.update({
      change: {
        position,
        removed,
        added: added.length,
        length: ids.length,
        tokenizeMs: tokenized - begun,
        changeMs: changed - tokenized,
        stepMs: done - changed,
      },
    });
  }

  /** The most probable next tokens. */
  async #foresee(session: WorkerSession, signal: AbortSignal): Promise<void> {
    if (session.length === 0) {
      this.store.update({ next: [], session: this.#report(session) });
      return;
    }
    const logits = await surviving(session, signal, () => session.nextLogits({ signal }));
    const best = topTokens(logits, shownTokens);
    const texts = await this.textsOf(Int32Array.from(best, ({ id }) => id));
    this.store.update({
      next: best.map(({ probability }, place) => ({ text: texts[place] as string, probability })),
      session: this.#report(session),
    });
  }
}
