import { expect, test } from 'vitest';
import { OutOfMemoryError } from '../errors/errors.ts';
import { EagerOperations } from '../operations/eager-operations.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { Context } from './context.ts';
import { ContextModel } from './context-model.ts';
import type { ModelConfig } from './model-config.ts';

const config: ModelConfig = {
  modelType: 'inattention',
  vocabSize: 20,
  hiddenSize: 4,
  intermediateSize: 4,
  numHiddenLayers: 1,
  numAttentionHeads: 1,
  numKeyValueHeads: 1,
  headDim: 4,
  maxPositionEmbeddings: 64,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  tieWordEmbeddings: true,
  initialStateWindow: 1,
  positionEmbeddingType: 'none',
  attentionTypes: ['inattention'],
  eosTokenIds: [],
};

function makeModel() {
  const backend = createHostBackend();
  const operations = new EagerOperations(backend);
  const weight = (...shape: number[]) => {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    return operations.upload(
      Float32Array.from({ length: size }, (_, i) => Math.sin(i + 1)),
      shape,
      'weights',
    );
  };
  const layer = { norm: weight(4), key: weight(4, 4), value: weight(4, 4) };
  const weights = { embedding: weight(20, 4), positions: null, initialState: null, layers: [layer] };
  return { backend, model: new ContextModel(operations, config, weights) };
}

test('a refresh that fails, whenever, leaves the rows of other contexts in use and the context as it was', () => {
  const ids = Int32Array.of(3, 1, 4, 1, 5);
  let failures = 0;
  for (let allowed = 0; ; allowed += 1) {
    const { backend, model } = makeModel();
    const other = new Context(model, { mode: 'tables' });
    const context = new Context(model, { mode: 'tables' });
    other.append(ids);
    context.append(ids);
    model.invalidate();
    expect(other.refresh()).toBe(true);
    const allocate = backend.allocate.bind(backend);
    let left = allowed;
    backend.allocate = (bytes, purpose) => {
      left -= 1;
      if (left >= 0) return allocate(bytes, purpose);
      throw new OutOfMemoryError({ what: 'Made to fail.', requestedBytes: bytes, availableBytes: 0 });
    };
    let failed = false;
    try {
      context.refresh();
    } catch {
      failed = true;
      failures += 1;
    }
    backend.allocate = allocate;
    const table = model.table('f32');
    table.shrink(0); // gives up what nobody uses
    expect(table.slotCount).toBe(4);
    expect(context.ids.slice()).toEqual(ids);
    context.dispose();
    table.shrink(0);
    expect(table.slotCount).toBe(4);
    other.dispose();
    table.shrink(0);
    expect(table.slotCount).toBe(0);
    if (!failed) break;
  }
  expect(failures).toBeGreaterThan(0);
});
