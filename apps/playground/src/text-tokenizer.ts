/** Texts to ids, chunk by chunk: the ids of chunks seen before are remembered, so that an edit costs a chunk. */

import { throwIfAborted } from '@inattention/core';
import type { WorkerModel } from '@inattention/model/worker';
import { joinIds } from './diff-ids.ts';
import { chunksOf } from './text-chunks.ts';

/** Chunks on their way to the worker at a time. */
const atOnce = 64;

/** Chunks that are remembered; beyond, all are forgotten. */
const remembered = 100_000;

export class TextTokenizer {
  readonly #model: WorkerModel;
  readonly #known = new Map<string, Int32Array>();

  constructor(model: WorkerModel) {
    this.#model = model;
  }

  async encode(text: string, signal: AbortSignal, onProgress: (share: number) => void): Promise<Int32Array> {
    // Only byte-level BPE is known to keep letters and following spaces apart.
    const chunks = this.#model.description.tokenizerName?.startsWith('BPE')
      ? chunksOf(text)
      : [text][Symbol.iterator]();
    if (this.#known.size > remembered) this.#known.clear();
    const lists: Int32Array[] = [];
    let done = 0;
    // Cut as they are sent: a long text does not keep the page busy.
    for (let some = take(chunks, atOnce); some.length > 0; some = take(chunks, atOnce)) {
      throwIfAborted(signal, 'Tokenizing');
      lists.push(...(await Promise.all(some.map((chunk) => this.#idsOf(chunk)))));
      done += some.reduce((sum, { length }) => sum + length, 0);
      if (done < text.length) onProgress(done / text.length);
    }
    return joinIds(lists);
  }

  async #idsOf(chunk: string): Promise<Int32Array> {
    const known = this.#known.get(chunk);
    if (known !== undefined) return known;
    const ids = await this.#model.encode(chunk);
    this.#known.set(chunk, ids);
    return ids;
  }
}

/** The next of a sequence, at most so many. */
function take(chunks: Iterator<string>, count: number): string[] {
  const taken: string[] = [];
  while (taken.length < count) {
    const next = chunks.next();
    if (next.done) break;
    if (next.value !== '') taken.push(next.value);
  }
  return taken;
}
