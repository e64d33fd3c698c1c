/** Which context mode `auto` means for a context as long as this one: the planner's choice within what a page may take. */

import { type ContextMode, plan } from '@inattention/core/math';
import type { ModelDescription } from '@inattention/model/worker';

/** Bytes of weights and context together that a page is content with. */
const pageBudget = 2 ** 30;

/** Room to grow before it is planned anew. */
const growth = 2;

/** Lengths for which the mode is not asked again: what a session plans for by itself. */
const shortest = 4096;

export class PlannedMode {
  #plannedFor = shortest;

  /** For a session that begins anew. */
  reset(): void {
    this.#plannedFor = shortest;
  }

  /** The mode for a context that has become longer than was planned for; null where none is called for. */
  forLength({ config, weightDType }: ModelDescription, ids: Int32Array): ContextMode | null {
    if (ids.length <= this.#plannedFor) return null;
    this.#plannedFor = growth * ids.length;
    const distinct = distinctIds(ids);
    const chosen = (tokens: number) => plan(config, { tokens, distinct, weightDType, budget: pageBudget }).chosen;
    // Where there is no room to grow, for what is there.
    return chosen(this.#plannedFor) ?? chosen(ids.length);
  }
}

/** How many different ids there are. */
export function distinctIds(ids: Int32Array): number {
  let largest = -1;
  for (const id of ids) if (id > largest) largest = id;
  const seen = new Uint8Array(largest + 1);
  let count = 0;
  for (const id of ids) {
    if (seen[id] === 0) {
      seen[id] = 1;
      count += 1;
    }
  }
  return count;
}
