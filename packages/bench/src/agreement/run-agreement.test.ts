import type { Backend } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { createModel } from '@inattention/model';
import { expect, test } from 'vitest';
import { configOf, type Shape } from '../shapes.ts';
import type { AgreementResult } from './agreement-result.ts';
import { agreementFacts, agreementTables } from './agreement-tables.ts';
import { parseAgreement } from './parse-agreement.ts';
import { runAgreement } from './run-agreement.ts';

const shape: Shape = {
  name: 'made',
  vocabSize: 97,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  numKeyValueHeads: 2,
  headDim: 16,
  tieWordEmbeddings: true,
};
const config = configOf(shape, 'inattention', 3);
const ids = Int32Array.from({ length: 40 }, (_, place) => (place * place + 3) % 31);
const text = { name: 'made', ids };
const environment = { runtime: 'test' };

/** The model with its logits' bias to one id: a backend gone wrong at every third token. */
function spoilt(backend: Backend): Backend {
  const { primitives } = backend;
  let products = 0;
  const matmul: typeof primitives.matmul = (args) => {
    primitives.matmul(args);
    if (args.columns !== shape.vocabSize) return;
    products += 1;
    if (products % 3 === 0) backend.write(args.out.buffer, args.out.byteOffset + 4 * 96, Float32Array.of(50));
  };
  return { ...backend, primitives: { ...primitives, matmul } };
}

test('modes of one backend agree at every token, and the result is read back as it was', async () => {
  using backend = await createCpuBackend({ threads: 1 });
  using model = createModel(config, backend, { seed: 3, deviation: 0.3 });
  const partials: AgreementResult[] = [];
  const result = await runAgreement({
    ...{ name: 'made', models: [model], modes: ['kv', 'tables', 'states', 'ids'], text, environment },
    onPartial: (partial) => partials.push(partial),
  });
  expect(result.reference).toMatchObject({ backend: 'cpu', mode: 'kv', software: false });
  expect(result.rows.map(({ mode, agreed, positions }) => [mode, agreed, positions])).toEqual([
    ['tables', 40, 40],
    ['states', 40, 40],
    ['ids', 40, 40],
  ]);
  for (const row of result.rows) expect(row.largestDifference).toBeLessThan(1e-4);
  expect(partials.map(({ rows }) => rows[0]?.positions)).toEqual([16, 32]);
  expect(parseAgreement(JSON.parse(JSON.stringify(result)))).toEqual(result);
  expect(agreementTables(result).map(({ rows }) => rows.length)).toEqual([3]);
  expect(backend.ledger.snapshot().liveTotal).toBeGreaterThan(0); // the model is its owner's
});

test('a backend that foresees other tokens is told from the reference, token by token', async () => {
  using backend = await createCpuBackend({ threads: 1 });
  using other = spoilt(await createCpuBackend({ threads: 1 }));
  using model = createModel(config, backend, { seed: 3, deviation: 0.3 });
  using wrong = createModel(config, other, { seed: 3, deviation: 0.3 });
  const result = await runAgreement({ name: 'made', models: [model, wrong], modes: ['kv'], text, environment });
  const [row] = result.rows;
  expect(row).toMatchObject({ agreed: 27, positions: 40 });
  expect(row?.disagreements.map(({ position, gotId }) => [position, gotId])).toEqual(
    Array.from({ length: 13 }, (_, place) => [3 * place + 3, 96]),
  );
  for (const { margin } of row?.disagreements ?? []) expect(margin).toBeGreaterThan(0);
  expect(agreementTables(result).map(({ rows }) => rows.length)).toEqual([1, 13]);
});

test('it can be cancelled, with what was compared', async () => {
  using backend = await createCpuBackend({ threads: 1 });
  using model = createModel(config, backend, { seed: 3 });
  const controller = new AbortController();
  const partials: AgreementResult[] = [];
  const running = runAgreement({
    ...{ name: 'made', models: [model], modes: ['kv', 'tables'], text, environment, signal: controller.signal },
    onProgress: (done) => done === 5 && controller.abort(),
    onPartial: (partial) => partials.push(partial),
  });
  await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
  const last = partials.at(-1) as AgreementResult;
  expect(last).toMatchObject({ interrupted: 'It was cancelled.', rows: [{ positions: 5 }] });
  expect(agreementFacts(last)[0]?.value).toContain('It was cancelled.');
});

test('nothing to compare is refused', async () => {
  using backend = await createCpuBackend({ threads: 1 });
  using model = createModel(config, backend, { seed: 3 });
  const alone = runAgreement({ name: 'made', models: [model], modes: ['kv'], text, environment });
  await expect(alone).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});
