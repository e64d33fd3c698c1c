/** The one backend that all models of a worker run on, chosen when first needed, and another in its place once lost. */

import { type Backend, type BackendCandidate, selectBackend } from '@inattention/core';

interface Choice {
  readonly backend: Backend;
  /** Why this one. */
  readonly reason: string;
}

export class ChosenBackend {
  readonly #candidates: readonly BackendCandidate[];
  #choice: Promise<Choice> | null = null;

  constructor(candidates: readonly BackendCandidate[]) {
    this.#candidates = candidates;
  }

  /** Throws BackendUnavailableError when none works; the next call tries again. */
  get(): Promise<Choice> {
    this.#choice ??= selectBackend(this.#candidates).catch((error: unknown) => {
      this.#choice = null;
      throw error;
    });
    return this.#choice;
  }

  /** The backend to continue on in place of `lost`: the same for every model that was on it. */
  async inPlaceOf(lost: Backend): Promise<Backend> {
    const { backend } = await this.get();
    if (backend !== lost) return backend;
    this.#choice = null;
    lost.dispose();
    return (await this.get()).backend;
  }
}
