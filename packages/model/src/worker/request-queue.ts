/** Requests of a batch that come from the other side: each waits until the batch asks for it. */

import type { BatchRequest } from '../generation/batch-requests.ts';

interface Waiting {
  readonly request: BatchRequest;
  taken(): void;
}

export class RequestQueue implements AsyncIterableIterator<BatchRequest> {
  readonly #waiting: Waiting[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  /** Resolves when the batch has taken the request, or has ended without it. */
  add(request: BatchRequest): Promise<void> {
    return new Promise((taken) => {
      if (this.#ended) {
        taken();
        return;
      }
      this.#waiting.push({ request, taken });
      this.#wake();
    });
  }

  /** No more requests will come. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async next(): Promise<IteratorResult<BatchRequest, undefined>> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const first = this.#waiting.shift();
    if (first === undefined) return { done: true, value: undefined };
    first.taken();
    return { done: false, value: first.request };
  }

  async return(): Promise<IteratorResult<BatchRequest, undefined>> {
    this.#ended = true;
    for (const { taken } of this.#waiting.splice(0)) taken();
    this.#wake();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
