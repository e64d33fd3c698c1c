/** What the page can do: run a bench, stop it, open and compare results, make links. Everything slow is in the worker. */

import { type AnyResult, parseAnyResult, resultSchema } from '@inattention/bench';
import { InvalidFileError } from '@inattention/core';
import { proxy, wrap } from 'comlink';
import type { BenchState } from './bench-state.ts';
import type { Job } from './jobs.ts';
import { readLink } from './result-link.ts';
import { Store } from './store.ts';
import type { BenchWorker } from './worker/bench.worker.ts';

/** Results that come while a bench runs are drawn this often, in ms. */
const drawEvery = 300;

/** Bytes of a result file at most. */
const largestFile = 8 * 2 ** 20;

export class BenchPage {
  readonly store = new Store<BenchState>({
    device: null,
    running: null,
    shown: null,
    compared: null,
    failure: null,
    note: '',
  });
  readonly #worker;

  constructor() {
    const worker = new Worker(new URL('./worker/bench.worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('error', () => this.fail(new Error('The page’s worker ended. To fix: reload the page.')));
    this.#worker = wrap<BenchWorker>(worker);
  }

  /** Looks at the machine, and shows what the address brings. */
  async start(hash: string): Promise<void> {
    await Promise.all([this.#lookAtDevice(), this.openLink(hash)]);
  }

  async #lookAtDevice(): Promise<void> {
    try {
      this.store.update({ device: await this.#worker.device() });
    } catch (error) {
      this.fail(error);
    }
  }

  /** Runs a bench; its results are shown as they come, also when it fails or is cancelled. */
  async run(job: Job): Promise<void> {
    if (this.store.get().running !== null) return;
    this.store.update({ running: { what: 'starting', share: null }, failure: null, note: '' });
    const drawing = new Drawing((result) => this.store.update({ shown: { result, from: 'this page' } }));
    try {
      const result = await this.#worker.run(
        job,
        proxy((running) => this.store.update({ running })),
        proxy((partial) => drawing.offer(partial)),
      );
      drawing.offer(result);
    } catch (error) {
      if (error instanceof Error && error.name === 'AbortError') this.store.update({ note: 'Cancelled.' });
      else this.fail(error);
    } finally {
      drawing.flush();
      this.store.update({ running: null });
    }
  }

  cancel(): void {
    void this.#worker.cancel();
  }

  /** Shows the result in a file. */
  openFile(file: File): Promise<void> {
    return this.#try(async () => {
      this.store.update({ shown: { result: await readResult(file), from: file.name }, compared: null });
    });
  }

  /** Sets a second sweep beside the one that is shown. */
  openCompared(file: File): Promise<void> {
    return this.#try(async () => {
      const result = await readResult(file);
      if (result.schema !== resultSchema) {
        throw new InvalidFileError({
          what: `${file.name} cannot be compared.`,
          got: result.schema,
          expected: `a sweep, ${resultSchema}`,
        });
      }
      this.store.update({ compared: { result, from: file.name } });
    });
  }

  /** Shows what a link carries; nothing happens for addresses without a result. */
  openLink(hash: string): Promise<void> {
    return this.#try(async () => {
      const result = await readLink(hash);
      if (result !== null) this.store.update({ shown: { result, from: 'a link' }, compared: null });
    });
  }

  /** Says what became of an action. */
  tell(note: string): void {
    this.store.update({ note });
  }

  fail(error: unknown): void {
    this.store.update({ failure: error instanceof Error ? error.message : String(error) });
  }

  dismissFailure(): void {
    this.store.update({ failure: null });
  }

  async #try(work: () => Promise<void>): Promise<void> {
    this.store.update({ failure: null });
    try {
      await work();
    } catch (error) {
      this.fail(error);
    }
  }
}

async function readResult(file: File): Promise<AnyResult> {
  if (file.size > largestFile) {
    throw new InvalidFileError({
      what: `${file.name} is too large for a result.`,
      got: `${file.size} bytes`,
      expected: `at most ${largestFile}`,
    });
  }
  return parseAnyResult(await file.text(), file.name);
}

/** Draws the newest of what comes, not oftener than the page can. */
class Drawing {
  readonly #draw: (result: AnyResult) => void;
  #waiting: AnyResult | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(draw: (result: AnyResult) => void) {
    this.#draw = draw;
  }

  offer(result: AnyResult): void {
    this.#waiting = result;
    this.#timer ??= setTimeout(() => this.flush(), drawEvery);
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiting !== null) this.#draw(this.#waiting);
    this.#waiting = null;
  }
}
