/** What the tables of a model hold: rows for every id and position they have seen, until nobody holds an old one. */

import { type ContextDType, type ModelConfig, tableBytes } from '@inattention/core/math';

/** One table, of one version of the weights. */
export class TableMirror {
  /** Contexts that hold it. */
  users = 0;
  readonly #config: ModelConfig;
  readonly #dtype: ContextDType;
  readonly #ids = new Set<number>();
  #positions = 0;

  constructor(config: ModelConfig, dtype: ContextDType) {
    this.#config = config;
    this.#dtype = dtype;
  }

  /** Device bytes, if it never gives anything up. */
  get bytes(): number {
    return tableBytes(this.#config, this.#ids.size, this.#positions, this.#dtype);
  }

  /** It has rows for `ids`, and for `positions` positions. */
  see(ids: readonly number[], positions: number): void {
    for (const id of ids) this.#ids.add(id);
    this.#positions = Math.max(this.#positions, positions);
  }
}

/** The tables of a model by dtype, and those of older weights. */
export class TableMirrors {
  readonly #config: ModelConfig;
  readonly #present = new Map<ContextDType, TableMirror>();
  readonly #retired: TableMirror[] = [];

  constructor(config: ModelConfig) {
    this.#config = config;
  }

  /** The present one. */
  of(dtype: ContextDType): TableMirror {
    const table = this.#present.get(dtype) ?? new TableMirror(this.#config, dtype);
    this.#present.set(dtype, table);
    return table;
  }

  /** Device bytes of all. */
  get bytes(): number {
    const held = this.#retired.filter(({ users }) => users > 0);
    return [...this.#present.values(), ...held].reduce((bytes, table) => bytes + table.bytes, 0);
  }

  /** New weights: contexts get new tables. */
  retire(): void {
    this.#retired.push(...this.#present.values());
    this.#present.clear();
  }
}
