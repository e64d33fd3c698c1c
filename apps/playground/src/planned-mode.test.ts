import type { ModelDescription } from '@inattention/model/worker';
import { expect, it } from 'vitest';
import { madeConfig } from '../test/made-model.ts';
import { distinctIds, PlannedMode } from './planned-mode.ts';

const model: ModelDescription = {
  handle: 1,
  config: {
    ...madeConfig,
    vocabSize: 300,
    eosTokenIds: [],
    numHiddenLayers: 12,
    attentionTypes: Array(12).fill('inattention'),
  },
  weightDType: 'f32',
  tokenizerName: 'BPE',
  fingerprint: '',
  backend: 'cpu',
  device: '',
  reason: '',
};

const idsOf = (length: number) => Int32Array.from({ length }, (_, at) => at % 300);

it('is asked when a context outgrows its plan, and leaves keys and values where they would not fit', () => {
  const planned = new PlannedMode();
  expect(planned.forLength(model, idsOf(4000))).toBeNull();
  expect(planned.forLength(model, idsOf(5000))).not.toBeNull();
  expect(planned.forLength(model, idsOf(9000))).toBeNull();
  const long = planned.forLength(model, idsOf(1_000_000));
  expect(['tables', 'states', 'ids']).toContain(long);
  planned.reset();
  expect(planned.forLength(model, idsOf(5000))).not.toBeNull();
});

it('counts different ids', () => {
  expect(distinctIds(Int32Array.of())).toBe(0);
  expect(distinctIds(Int32Array.of(7, 7, 0, 299))).toBe(3);
});
