/**
 * Models whose weights are kept in f16, i8, q8_0 or q4_1: against the float64 reference given the very numbers those weights
 * hold, in every context mode, token by token too; the ledger counts what plan() says. Arithmetic is f32, so its tolerance
 * holds, except where products are in integers, of activations rounded to 16 bits.
 */

import {
  decodeFloat16,
  decodeWeightBlocks,
  dequantizeBlocks,
  encodeFloat16,
  encodeWeightBlocks,
  isBlockDType,
  quantizeBlocks,
} from '@inattention/core';
import {
  type ContextMode,
  contextModes,
  type ModelConfig,
  storedDType,
  type WeightDType,
} from '@inattention/core/math';
import { type Model, randomWeights } from '@inattention/model';
import { compareArrays } from '../../comparison/compare-arrays.ts';
import { type StoredDType, toleranceFor } from '../../comparison/tolerances.ts';
import { referenceLogitsAt } from '../../reference/reference.ts';
import { expectFailure, expectSame, expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { expectPlanned } from '../contexts/session-checks.ts';
import { randomIds, smallConfigs, smallModel, smallModelWeights } from '../small-models.ts';

/** Rows of whole blocks: 64, and 128 of the MLP. */
const wholeBlocks = { hiddenSize: 64, intermediateSize: 128, headDim: 16 };

/** Ids in the context: over a page of 256. */
const length = 270;

/** Positions whose logits are compared; the last two are reached one token at a time. */
const positions = [0, 1, 31, 150, 255, 256, length - 2, length - 1];

export function weightDTypeTests(group: Group): void {
  for (const dtype of ['f16', 'i8', 'q8_0', 'q4_1'] as const) {
    if (!group.capabilities.weightDTypes.includes(dtype)) {
      group.test(`weights in ${dtype} are refused by name`, (trial) => checkRefusal(trial, dtype));
      continue;
    }
    group.describe(`weights in ${dtype}`, () => {
      for (const [name, small] of Object.entries(smallConfigs)) {
        const config = dtype === 'f16' || dtype === 'i8' ? small : { ...small, ...wholeBlocks };
        group.test(`logits in all modes, ${name}`, (trial) => checkModes(trial, config, dtype));
      }
    });
  }
}

async function checkRefusal({ backend }: Trial, weightDType: WeightDType): Promise<void> {
  const config = smallConfigs['rope, w = 3'] as ModelConfig;
  const error = await expectFailure(() => smallModel(backend, config, { weightDType }), 'UNSUPPORTED', 'createModel');
  expectSame(error.got, weightDType, 'what was refused');
}

async function checkModes(trial: Trial, config: ModelConfig, dtype: WeightDType): Promise<void> {
  const ids = randomIds(length, config.vocabSize, 12);
  const expected = referenceLogits(config, dtype, ids);
  const { ok } = compareArrays(
    referenceLogits(config, 'f32', ids, dtype),
    expected,
    toleranceFor('logits', 'f32', trial.backend.name),
  );
  expectThat(!ok, `Logits of weights in ${dtype} and in f32 are alike: the test shows nothing.`);
  using model = smallModel(trial.backend, config, { weightDType: dtype, deviation: deviationOf(dtype) });
  for (const mode of contextModes) {
    await checkMode(trial, model, ids, mode, expected);
    model.contextModel.invalidate(); // the next mode finds no table
  }
}

async function checkMode(
  trial: Trial,
  model: Model,
  ids: readonly number[],
  context: ContextMode,
  expected: Float64Array,
): Promise<void> {
  using session = model.createSession({ context });
  const what = `weights in ${model.weightDType}, ${context}`;
  await session.append(ids.slice(0, length - 2));
  const rows = await session.logitsAt(positions.slice(0, -2));
  for (const id of ids.slice(length - 2)) {
    await session.append([id]);
    rows.push(await session.nextLogits());
  }
  expectSame(rows.length, positions.length, `rows, ${what}`);
  rows.forEach((row, place) => {
    const reference = expected.subarray(place * row.length, (place + 1) * row.length);
    trial.expectClose(row, reference, {
      operation: 'logits',
      dtype: toleranceDType(trial, model.weightDType),
      what: `${what}, position ${positions[place]}`,
    });
  });
  expectPlanned(model, session, ids, what);
}

/** Deviation of random weights: rounding activations is amplified by attention as peaked as that of the other models. */
function deviationOf(dtype: WeightDType): number {
  return isBlockDType(dtype) ? 0.15 : smallModelWeights.deviation;
}

/** Logits at `positions`, [8, V], of the numbers that weights of `dtype` hold, in a model that is `kept` in another. */
function referenceLogits(config: ModelConfig, dtype: WeightDType, ids: readonly number[], kept = dtype): Float64Array {
  const weights = new Map<string, Float32Array>();
  for (const { name, shape, data } of randomWeights(config, { ...smallModelWeights, deviation: deviationOf(kept) })) {
    const matrix = shape.length > 1; // vectors are f32 in all
    weights.set(name, matrix ? heldNumbers(data, shape, storedDType(shape, dtype)) : data);
  }
  return referenceLogitsAt(config, weights, ids, positions).data;
}

function heldNumbers(data: Float32Array, shape: readonly number[], dtype: WeightDType): Float32Array {
  if (dtype === 'f16') return decodeFloat16(encodeFloat16(data));
  if (dtype === 'i8') return dequantizeBlocks(quantizeBlocks(data, shape));
  if (dtype === 'f32') return data;
  const numbers = new Float32Array(data.length);
  decodeWeightBlocks(dtype, encodeWeightBlocks(dtype, data, 'a weight'), numbers);
  return numbers;
}

/** Of which dtype the tolerance is: arithmetic is f32 unless products are in integers. */
function toleranceDType({ backend }: Trial, dtype: WeightDType): StoredDType {
  return backend.capabilities.integerProducts?.includes(dtype) === true ? (dtype as StoredDType) : 'f32';
}
