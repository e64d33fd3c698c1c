/** What each matrix of a model's files is kept in on a device, and what all weights take. */

import type { DType } from '@inattention/core';
import {
  type ModelConfig,
  parameterCount,
  storedBytes,
  storedDType,
  type WeightDType,
  weightBytes,
  weightDTypes,
} from '@inattention/core/math';
import { collectWeights } from './decoder-weights.ts';

/** What weights are kept in, or `auto`: as the files have them, as far as the backend can (`placementOf`). */
export type WantedWeightDType = WeightDType | 'auto';

export interface WeightPlacement {
  /** What matrices are kept in; `auto` may keep some in a wider dtype, as their file does. */
  readonly weightDType: WeightDType;
  /** By tensor name, vectors included. */
  readonly dtypes: ReadonlyMap<string, WeightDType>;
  /** Device bytes, with the rotary angles and slopes made from the configuration. */
  readonly weightBytes: number;
}

/** What is known of a tensor of the files: `dtype` by the file format's own name. */
interface Stored {
  readonly dtype: string;
  readonly shape: readonly number[];
}

/**
 * Where the tensors of a model's files go. `auto` keeps each matrix in what its file has, and changes no number:
 *
 *   all F16             f16
 *   all Q8_0            i8
 *   some Q4_0 or Q4_1   these q4_1, Q8_0 beside them q8_0, F16 f16, others f32, except that Q4_K and Q6_K are rounded to q8_0;
 *                       where the backend takes no q4_1, all blocks are rounded to i8
 *   otherwise, and where the backend takes none of these, f32
 */
export function placementOf(
  config: ModelConfig,
  tensors: ReadonlyMap<string, Stored>,
  wanted: WantedWeightDType,
  taken: readonly DType[] = weightDTypes,
): WeightPlacement {
  const names: string[] = [];
  collectWeights(config, (name) => names.push(name));
  const { weightDType, dtypeOf } =
    wanted === 'auto'
      ? ownDTypes(
          names.flatMap((n) => tensors.get(n) ?? []),
          taken,
        )
      : all(wanted);
  let bytes = weightBytes(config) - 4 * parameterCount(config); // angles and slopes
  const dtypes = new Map<string, WeightDType>();
  for (const name of names) {
    const { dtype, shape } = tensors.get(name) ?? { dtype: '', shape: [] };
    const kept = storedDType(shape, dtypeOf(dtype));
    dtypes.set(name, kept);
    bytes += storedBytes(shape, kept);
  }
  return { weightDType, dtypes, weightBytes: bytes };
}

interface Rule {
  readonly weightDType: WeightDType;
  /** For a matrix of this type in the files. */
  readonly dtypeOf: (type: string) => WeightDType;
}

function all(weightDType: WeightDType): Rule {
  return { weightDType, dtypeOf: () => weightDType };
}

function ownDTypes(stored: readonly Stored[], taken: readonly DType[]): Rule {
  const types = new Set(stored.filter(({ shape }) => shape.length > 1).map(({ dtype }) => dtype));
  const orF32 = (dtype: WeightDType) => (taken.includes(dtype) ? dtype : 'f32');
  if (types.has('Q4_0') || types.has('Q4_1')) {
    const fits = taken.includes('q4_1') && taken.includes('q8_0');
    const [four, eight] = fits ? (['q4_1', 'q8_0'] as const) : [orF32('i8'), orF32('i8')];
    const dtypeOf = (type: string) => {
      if (type === 'F16') return orF32('f16');
      if (type === 'F32' || type === 'BF16') return 'f32';
      return type === 'Q4_0' || type === 'Q4_1' ? four : eight;
    };
    return { weightDType: four, dtypeOf };
  }
  const only = types.size === 1 ? [...types][0] : undefined;
  return all(only === 'F16' ? orF32('f16') : only === 'Q8_0' ? orF32('i8') : 'f32');
}
