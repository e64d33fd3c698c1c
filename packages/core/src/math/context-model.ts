/**
 * What all contexts of one model on one device share: the parameters they are computed from, rotary angles, ALiBi
 * slopes and the tables. Sessions hold a `ContextModel`; it outlives them.
 */

import { UnsupportedError } from '../errors/errors.ts';
import type { EagerOperations } from '../operations/eager-operations.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import { Tensor } from '../tensor/tensor.ts';
import { alibiSlopes } from './alibi.ts';
import type { ContextDType } from './context-mode.ts';
import { type ContextSource, type ContextWeights, inattentionLayers, type WorkCount } from './context-source.ts';
import { ContextTable, type TableMark } from './context-table.ts';
import type { ModelConfig } from './model-config.ts';
import { createRopeAngles, type OwnedRopeAngles } from './rope-angles.ts';

export class ContextModel implements ContextSource {
  readonly config: ModelConfig;
  readonly operations: EagerOperations;
  readonly weights: ContextWeights<Tensor>;
  /** Layers whose keys and values come from context states, ascending. Layer 0 is always one. */
  readonly inattentionLayers: readonly number[];
  readonly angles: OwnedRopeAngles | null;
  /** [H], or null unless positions are ALiBi. */
  readonly slopes: Tensor | null;
  readonly work: WorkCount = {
    tableRows: 0,
    blockRows: 0,
    projectedPositions: 0,
    initialStates: 0,
    windowProducts: 0,
    movedBytes: 0,
  };
  readonly #tables = new Map<ContextDType, ContextTable>();
  /** Tables of older weights that contexts still hold. */
  readonly #retired = new Set<ContextTable>();
  readonly #tableBudget: number;
  #version = 0;

  /** `tableBudget`: bytes each table may take; unused rows are given up first. */
  constructor(
    operations: EagerOperations,
    config: ModelConfig,
    weights: ContextWeights<Tensor>,
    options: { readonly tableBudget?: number } = {},
  ) {
    this.operations = operations;
    this.config = config;
    this.weights = weights;
    this.#tableBudget = options.tableBudget ?? Number.POSITIVE_INFINITY;
    this.inattentionLayers = inattentionLayers(config);
    const { backend } = operations;
    this.angles =
      config.positionEmbeddingType === 'rope'
        ? createRopeAngles(backend, config.headDim, config.ropeTheta, config.ropeScaling)
        : null;
    this.slopes =
      config.positionEmbeddingType === 'alibi'
        ? Tensor.from(
            backend,
            Float32Array.from(alibiSlopes(config.numAttentionHeads)),
            [config.numAttentionHeads],
            'weights',
          )
        : null;
  }

  /** Changes whenever the weights do; contexts of an older version recompute themselves from their ids. */
  get version(): number {
    return this.#version;
  }

  /** The table for rows of `dtype`, made on first use, shared by all contexts of the present version. */
  table(dtype: ContextDType): ContextTable {
    let table = this.#tables.get(dtype);
    if (table === undefined) {
      table = new ContextTable(this, dtype, this.#tableBudget);
      this.#tables.set(dtype, table);
    }
    return table;
  }

  /** Bytes of the tables, counted once for all sessions; those of older weights count until no context holds them. */
  get tableBytes(): number {
    return [...this.#tables.values(), ...this.#retired].reduce((bytes, table) => bytes + table.byteLength, 0);
  }

  /** What the tables hold, for `rollBackTables` should what comes next fail. */
  markTables(): ReadonlyMap<ContextTable, TableMark> {
    return new Map([...this.#tables.values()].map((table) => [table, table.mark()]));
  }

  /** Gives up unused rows that came since; with `suspect`, all unused rows (see ContextTable.rollBack). */
  rollBackTables(marks: ReadonlyMap<ContextTable, TableMark>, suspect: boolean): void {
    for (const table of this.#tables.values()) {
      table.rollBack(marks.get(table) ?? { slots: 0, positions: 0 }, suspect);
    }
  }

  /** To be called after a write to E, M, P, g, W_K or W_V: contexts get new tables, the old ones go with the last of them. */
  invalidate(): void {
    this.#version += 1;
    for (const table of this.#tables.values()) {
      this.#retired.add(table);
      table.retire(() => this.#retired.delete(table));
    }
    this.#tables.clear();
  }

  /** Throws unless this model and backend can keep contexts in `dtype`. */
  checkContextDType(dtype: ContextDType): void {
    const { backend } = this.operations;
    if (!backend.capabilities.contextDTypes.includes(dtype)) {
      throw new UnsupportedError({
        what: `The ${backend.name} backend cannot keep contexts in ${dtype}.`,
        expected: backend.capabilities.contextDTypes.join(' or '),
        fix: 'use f32 contexts',
      });
    }
    const width = this.config.numKeyValueHeads * this.config.headDim;
    if (dtype === 'f16' && (width % 2 !== 0 || this.config.hiddenSize % 2 !== 0)) {
      throw new UnsupportedError({
        what: 'f16 contexts need an even hidden size and an even number of key features.',
        got: `hidden size ${this.config.hiddenSize}, ${width} key features`,
        fix: 'use f32 contexts for this model',
      });
    }
  }

  /** Rotates [n, heads, C] by `positions` when the model uses rope; otherwise the input itself. */
  rotate(input: Tensor, positions: IndexTensor): Tensor {
    return this.angles === null ? input : this.operations.rope(input, positions, this.angles);
  }

  dispose(): void {
    this.invalidate();
    this.angles?.dispose();
    this.slopes?.dispose();
  }
}
