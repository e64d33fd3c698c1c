/** Things the other side knows by number. */

import { InvalidArgumentError } from '@inattention/core';

export class Handles<T> {
  readonly #items = new Map<number, T>();
  readonly #kind: string;
  #next = 1;

  constructor(kind: string) {
    this.#kind = kind;
  }

  add(item: T): number {
    this.#items.set(this.#next, item);
    return this.#next++;
  }

  get(handle: number): T {
    const item = this.#items.get(handle);
    if (item === undefined) {
      throw new InvalidArgumentError({ what: `The worker has no such ${this.#kind}.`, got: String(handle) });
    }
    return item;
  }

  delete(handle: number): void {
    this.#items.delete(handle);
  }
}
