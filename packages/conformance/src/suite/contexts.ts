/**
 * The identities of DESIGN §3 on a backend: edits equal fresh contexts, forks are independent, saved sessions come back,
 * costs are counted, failures change nothing. Models are small and random; every mode is tried.
 */

import { type Backend, InAttentionError, OutOfMemoryError } from '@inattention/core';
import { type ContextMode, contextModes, type ModelConfig } from '@inattention/core/math';
import { createModel, generate, type Model, parseSession, type Session, serializeSession } from '@inattention/model';
import { randomNumbers } from '../inputs/random-numbers.ts';
import {
  check,
  checkClose,
  checkEqual,
  checkRejects,
  fractionOfLargest,
  type SuiteOptions,
  withBackend,
} from './suite.ts';

const tolerance = 2e-4;

/** Small shapes: a window with rope, learned positions, ALiBi, and a hybrid. */
const shapes: readonly { readonly name: string; readonly config: ModelConfig }[] = [
  { name: 'rope, w = 3', config: smallConfig({ initialStateWindow: 3 }) },
  { name: 'learned, w = 2', config: smallConfig({ initialStateWindow: 2, positionEmbeddingType: 'learned' }) },
  { name: 'alibi', config: smallConfig({ positionEmbeddingType: 'alibi' }) },
  {
    name: 'hybrid',
    config: smallConfig({ initialStateWindow: 3, attentionTypes: ['inattention', 'self', 'inattention'] }),
  },
];

function smallConfig(changes: Partial<ModelConfig>): ModelConfig {
  return {
    modelType: 'inattention',
    vocabSize: 97,
    hiddenSize: 24,
    intermediateSize: 40,
    numHiddenLayers: 3,
    numAttentionHeads: 4,
    numKeyValueHeads: 2,
    headDim: 6,
    maxPositionEmbeddings: 900,
    rmsNormEps: 1e-5,
    ropeTheta: 10_000,
    tieWordEmbeddings: true,
    initialStateWindow: 1,
    positionEmbeddingType: 'rope',
    attentionTypes: ['inattention', 'inattention', 'inattention'],
    eosTokenIds: [],
    ...changes,
  };
}

/** Weights large enough that attention is peaked and every position matters. */
function makeModel(backend: Backend, config: ModelConfig): Model {
  return createModel(config, backend, { seed: 5, windowDeviation: 0.3, deviation: 0.3 });
}

function randomIds(count: number, vocabSize: number, seed: number): number[] {
  const random = randomNumbers(seed);
  return Array.from({ length: count }, () => Math.floor(random.uniform() * vocabSize));
}

/** Throws unless the session's next logits are those of a fresh session over `ids`. */
async function checkSession(model: Model, session: Session, ids: readonly number[], what: string): Promise<void> {
  checkEqual([...session.tokens].join(), ids.join(), `ids, ${what}`);
  using fresh = model.createSession({ context: 'kv' });
  await fresh.append(ids);
  const expected = await fresh.nextLogits();
  const power = expected.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
  check(power > 0.1, `the model says something, ${what}`);
  checkClose(await session.nextLogits(), expected, fractionOfLargest(expected, tolerance), `next logits, ${what}`);
}

export function contextSuite(options: SuiteOptions): void {
  const { runner } = options;
  for (const { name, config } of shapes) {
    runner.describe(`${options.name}: contexts, ${name}`, () => {
      for (const mode of contextModes) {
        const run = (title: string, body: (model: Model, mode: ContextMode) => Promise<void>): void => {
          runner.test(`${mode}: ${title}`, () =>
            withBackend(options, async (backend) => {
              using model = makeModel(backend, config);
              await body(model, mode);
            })(),
          );
        };
        run('edits anywhere equal a fresh context', checkEdits);
        run('lengths around the edges of pages', checkLengths);
        run('forks are independent and survive their parent', checkForks);
        run('a saved session comes back', checkSaved);
        run('bad input, budgets and cancelled work change nothing', checkRefusals);
        run('a failing allocation changes nothing', checkFailingAllocations);
        run('greedy generation is that of mode kv', checkGreedy);
        run('attention weights sum to 1', checkWeights);
      }
      runner.test('work is counted: an edit costs its ids, a fork nothing, a second prompt its unseen ids', () =>
        withBackend(options, async (backend) => {
          using model = makeModel(backend, config);
          await checkWork(model);
        })(),
      );
    });
  }
}

async function checkEdits(model: Model, mode: ContextMode): Promise<void> {
  const { vocabSize } = model.config;
  let ids = randomIds(530, vocabSize, 1);
  using session = model.createSession({ context: mode });
  await session.append(ids.slice(0, 255));
  await session.nextLogits();
  await session.append(ids.slice(255));
  const edits: readonly (readonly [start: number, count: number, inserted: number])[] = [
    [0, 0, 3],
    [0, 2, 0],
    [255, 0, 1],
    [256, 1, 1],
    [300, 40, 7],
    [100, 0, 200],
    [511, 2, 2],
    [690, 5, 0],
    [1, 0, 1],
  ];
  for (const [order, [start, count, inserted]] of edits.entries()) {
    const added = randomIds(inserted, vocabSize, 100 + order);
    await session.replace(start, count, added);
    ids = [...ids.slice(0, start), ...added, ...ids.slice(start + count)];
    await checkSession(model, session, ids, `edit ${order}: ${count} ids at ${start} by ${inserted}`);
  }
  await session.remove(0, session.length - 1);
  await checkSession(model, session, ids.slice(-1), 'everything but the last id removed');
}

async function checkLengths(model: Model, mode: ContextMode): Promise<void> {
  for (const length of [1, 2, 63, 64, 65, 255, 256, 257, 511, 512, 513]) {
    const ids = randomIds(length, model.config.vocabSize, length);
    using session = model.createSession({ context: mode });
    await session.append(ids);
    await checkSession(model, session, ids, `${length} ids`);
  }
}

async function checkForks(model: Model, mode: ContextMode): Promise<void> {
  const ids = randomIds(300, model.config.vocabSize, 3);
  const session = model.createSession({ context: mode });
  await session.append(ids);
  using fork = await session.fork();
  await fork.append([1, 2, 3]);
  await session.replace(10, 1, [4, 5]);
  await checkSession(model, fork, [...ids, 1, 2, 3], 'fork');
  await checkSession(model, session, [...ids.slice(0, 10), 4, 5, ...ids.slice(11)], 'parent');
  using second = await fork.fork();
  session.dispose();
  await second.remove(0, 290);
  await checkSession(model, second, [...ids.slice(290), 1, 2, 3], 'fork of the fork');
  await checkSession(model, fork, [...ids, 1, 2, 3], 'fork after its parent');
}

async function checkSaved(model: Model, mode: ContextMode): Promise<void> {
  const ids = randomIds(270, model.config.vocabSize, 4);
  using session = model.createSession({ context: mode });
  await session.append(ids);
  const saved = parseSession(serializeSession(await session.save()));
  using restored = await model.restoreSession(saved);
  checkEqual(restored.mode, mode, 'mode of the restored session');
  await checkSession(model, restored, ids, 'restored');
  await checkRejects(() => model.restoreSession({ ...saved, model: 'other' }), 'INVALID_FILE', 'another model');
}

async function checkRefusals(model: Model, mode: ContextMode): Promise<void> {
  const { vocabSize } = model.config;
  const ids = randomIds(260, vocabSize, 5);
  using session = model.createSession({
    context: mode,
    budget: model.plan({ tokens: 512 }).rows.find((row) => row.mode === mode)?.contextBytes ?? 0,
  });
  await session.append(ids);
  const before = model.backend.ledger.snapshot();
  const unchanged = async (what: string) => {
    const { live, host } = model.backend.ledger.snapshot();
    checkEqual(live.context, before.live.context, `context bytes after ${what}`);
    checkEqual(host, before.host, `host bytes after ${what}`);
    await checkSession(model, session, ids, `after ${what}`);
  };
  await session.nextLogits();
  const settled = model.backend.ledger.snapshot();
  checkEqual(settled.live.context >= before.live.context, true, 'context bytes grow only by prefill');
  Object.assign(before, settled);
  for (const bad of [[vocabSize], [-1], [0.5], [Number.NaN]]) {
    await checkRejects(() => session.append(bad), 'TOKEN_OUT_OF_RANGE', `id ${bad}`);
  }
  await unchanged('bad ids');
  await checkRejects(() => session.append(randomIds(300, vocabSize, 6)), 'BUDGET_EXCEEDED', 'over the budget');
  await checkRejects(() => session.replace(250, 20, [1]), 'INVALID_ARGUMENT', 'an edit out of range');
  await checkRejects(() => session.logitsAt([260]), 'INVALID_ARGUMENT', 'a position out of range');
  await unchanged('refusals');
  await checkRejects(() => session.append([1], { signal: AbortSignal.abort() }), 'ABORTED', 'a cancelled append');
  const stop = generate(session, { maxTokens: 3, signal: AbortSignal.abort() });
  await checkRejects(() => stop.next(), 'ABORTED', 'a cancelled generation');
  await unchanged('cancelled work');
  const ended = model.createSession({ context: mode });
  ended.dispose();
  await checkRejects(() => ended.append([1]), 'DISPOSED', 'a session disposed of');
}

/** Fails the n-th allocation of an append and of an edit, for every n until they succeed. */
async function checkFailingAllocations(model: Model, mode: ContextMode): Promise<void> {
  const { backend } = model;
  const ids = randomIds(257, model.config.vocabSize, 7);
  using session = model.createSession({ context: mode });
  await session.append(ids);
  const reference = await session.nextLogits();
  const allocate = backend.allocate.bind(backend);
  const works: readonly (() => Promise<void>)[] = [
    () => session.append(randomIds(300, model.config.vocabSize, 8)),
    () => session.replace(3, 1, [1, 2, 3]),
    async () => (await session.fork()).dispose(),
  ];
  for (const [order, work] of works.entries()) {
    const before = backend.ledger.snapshot();
    let failures = 0;
    for (let allowed = 0; ; allowed += allowed < 40 ? 1 : 37) {
      let left = allowed;
      backend.allocate = (bytes, purpose) => {
        left -= 1;
        if (left >= 0) return allocate(bytes, purpose);
        const sizes = { requestedBytes: bytes, availableBytes: 0 };
        throw new OutOfMemoryError({ what: 'This allocation was made to fail.', ...sizes });
      };
      const error = await work().then(
        () => null,
        (reason: unknown) => reason,
      );
      backend.allocate = allocate;
      if (error === null) break;
      failures += 1;
      check(
        InAttentionError.isInstance(error, 'OUT_OF_MEMORY'),
        `work ${order} fails with OUT_OF_MEMORY, not ${String(error)}`,
      );
      const { live, host } = backend.ledger.snapshot();
      checkEqual(live.context, before.live.context, `context bytes after failure ${allowed} of work ${order}`);
      checkEqual(live.table, before.live.table, `table bytes after failure ${allowed} of work ${order}`);
      checkEqual(live.activations, before.live.activations, `activations after failure ${allowed} of work ${order}`);
      checkEqual(host, before.host, `host bytes after failure ${allowed} of work ${order}`);
    }
    check(failures > 0, `work ${order} allocates`);
    if (order === 0) {
      await session.remove(257, 300);
      const restored = await session.nextLogits();
      checkClose(restored, reference, fractionOfLargest(reference, tolerance), 'logits after failures');
    }
  }
}

async function checkGreedy(model: Model, mode: ContextMode): Promise<void> {
  const ids = randomIds(70, model.config.vocabSize, 9);
  const decode = async (context: ContextMode) => {
    using session = model.createSession({ context });
    await session.append(ids);
    const logits: Float32Array[] = [];
    const tokens: number[] = [];
    for (let step = 0; step < 12; step += 1) {
      const next = await session.nextLogits();
      logits.push(next);
      const token = next.indexOf(Math.max(...next));
      tokens.push(token);
      await session.append([token]);
    }
    return { logits, tokens };
  };
  const expected = await decode('kv');
  const got = await decode(mode);
  for (let step = 0; step < expected.tokens.length; step += 1) {
    const row = expected.logits[step] as Float32Array;
    const sorted = [...row].sort((a, b) => b - a) as [number, number];
    if (sorted[0] - sorted[1] <= 2 * tolerance * Math.abs(sorted[0])) return; // too close to call: later steps may differ
    checkEqual(got.tokens[step], expected.tokens[step], `token ${step}`);
  }
}

async function checkWeights(model: Model, mode: ContextMode): Promise<void> {
  const ids = randomIds(300, model.config.vocabSize, 10);
  using session = model.createSession({ context: mode });
  await session.append(ids);
  for (const layer of [0, model.config.numHiddenLayers - 1]) {
    for (const position of [0, 260, 299]) {
      const heads = await session.attentionWeights(layer, position);
      checkEqual(heads.length, model.config.numAttentionHeads, 'heads');
      for (const weights of heads) {
        checkEqual(weights.length, ids.length, 'weights');
        const seen = weights.subarray(0, position + 1).reduce((sum, weight) => sum + weight, 0);
        checkClose([seen], [1], { atol: 1e-4, rtol: 0 }, `sum of weights, layer ${layer}, position ${position}`);
        check(
          weights.subarray(position + 1).every((weight) => weight === 0),
          'later positions weigh nothing',
        );
      }
    }
  }
}

async function checkWork(model: Model): Promise<void> {
  const { config, contextModel } = model;
  const { work } = contextModel;
  const window = config.initialStateWindow;
  const layers = contextModel.inattentionLayers.length;
  const learned = config.positionEmbeddingType === 'learned';
  const count = async (body: () => Promise<unknown>) => {
    const before = { ...work };
    await body();
    return {
      tableRows: work.tableRows - before.tableRows,
      projectedPositions: work.projectedPositions - before.projectedPositions,
      initialStates: work.initialStates - before.initialStates,
      movedBytes: work.movedBytes - before.movedBytes,
    };
  };
  const ids = randomIds(400, config.vocabSize - 10, 11);
  for (const mode of ['tables', 'states', 'ids'] as const) {
    using session = model.createSession({ context: mode });
    await session.append(ids);
    const edit = await count(() => session.replace(50, 2, [1, 2, 3]));
    const altered = mode === 'ids' ? 0 : learned ? ids.length + 1 - 50 : 3 + window - 1;
    checkEqual(edit.initialStates, altered, `${mode}: states computed by an edit of 3 ids`);
    checkEqual(edit.projectedPositions, 0, `${mode}: positions projected by an edit`);
    check(edit.movedBytes <= (mode === 'tables' ? 8 : 4) * ids.length, `${mode}: bytes moved by an edit`);
    const forked = await count(async () => (await session.fork()).dispose());
    checkEqual(Object.values(forked).join(), '0,0,0,0', `${mode}: work of a fork`);
    const saved = await count(() => session.save());
    checkEqual(Object.values(saved).join(), '0,0,0,0', `${mode}: work of saving`);
  }
  using second = model.createSession({ context: 'tables' });
  const unseen = [config.vocabSize - 1, config.vocabSize - 2];
  const prompt = await count(() => second.append([...ids.slice(0, 50), ...unseen, ...unseen]));
  checkEqual(prompt.tableRows, unseen.length * window * layers, 'table rows of a second prompt');
}
