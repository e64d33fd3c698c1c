/** Test support: what the tables of a model hold at least and at most; which rows they give up is their own business. */

import type { ContextDType, ModelConfig } from '@inattention/core/math';
import { tableBytes } from '@inattention/core/math';
import type { SessionMirror } from './session-mirror.ts';

const dtypes = ['f32', 'f16'] satisfies ContextDType[];

export class TableMirror {
  readonly #config: ModelConfig;
  readonly #budget: number;
  /** Ids and positions that tables have ever held, by dtype. */
  readonly #seen = { f32: { ids: new Set<number>(), length: 0 }, f16: { ids: new Set<number>(), length: 0 } };

  constructor(config: ModelConfig, budget: number) {
    this.#config = config;
    this.#budget = budget;
  }

  /** `added` may come to a session. */
  see({ mode, dtype, ids }: SessionMirror, added: readonly number[]): void {
    if (mode !== 'tables') return;
    const seen = this.#seen[dtype];
    for (const id of added) seen.ids.add(id);
    seen.length = Math.max(seen.length, ids.length + added.length);
  }

  /** The tables are emptied. */
  forget(): void {
    for (const dtype of dtypes) this.#seen[dtype] = { ids: new Set(), length: 0 };
  }

  /** Bytes for the ids in use, and for all ever seen, within the budget of each table. */
  bounds(sessions: readonly SessionMirror[]): readonly [number, number] {
    let [least, most] = [0, 0];
    for (const dtype of dtypes) {
      const users = sessions.filter((session) => session.mode === 'tables' && session.dtype === dtype);
      const used = new Set(users.flatMap(({ ids }) => ids));
      const longest = Math.max(0, ...users.map(({ ids }) => ids.length));
      least += tableBytes(this.#config, used.size, longest, dtype);
      const { ids, length } = this.#seen[dtype];
      most += Math.min(this.#budget, tableBytes(this.#config, ids.size, length, dtype));
    }
    return [least, most];
  }
}
