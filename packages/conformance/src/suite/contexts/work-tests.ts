/**
 * Work is counted, not timed (DESIGN §3): an edit costs its own ids and the seam, a fork and saving cost nothing, a
 * second prompt its unseen ids, and no mode runs a layer over the context again.
 */

import {
  type ContextMode,
  contextModes,
  inattentionLayers,
  type ModelConfig,
  rowKind,
  type WorkCount,
} from '@inattention/core/math';
import type { Model, Session } from '@inattention/model';
import { expectSame, expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { randomIds, smallModel } from '../small-models.ts';

export function workTests(group: Group): void {
  group.describe('work', () => {
    for (const [name, config] of group.smallModels) {
      for (const mode of contextModes) {
        group.test(`${name}: ${mode}`, (trial) => checkWork(trial, config, mode));
      }
      group.test(`${name}: a second prompt`, (trial) => checkSecondPrompt(trial, config));
      group.test(`${name}: a step over few distinct ids`, (trial) => checkStep(trial, config));
    }
  });
}

/** What `body` added to the model's counts. */
async function workOf({ contextModel: { work } }: Model, body: () => Promise<unknown>): Promise<WorkCount> {
  const before = { ...work };
  await body();
  return {
    tableRows: work.tableRows - before.tableRows,
    blockRows: work.blockRows - before.blockRows,
    projectedPositions: work.projectedPositions - before.projectedPositions,
    initialStates: work.initialStates - before.initialStates,
    windowProducts: work.windowProducts - before.windowProducts,
    movedBytes: work.movedBytes - before.movedBytes,
  };
}

/** Counts that are known to the last one. */
type ExactCount = Omit<WorkCount, 'windowProducts'>;

const nothing: ExactCount = {
  tableRows: 0,
  blockRows: 0,
  projectedPositions: 0,
  initialStates: 0,
  movedBytes: 0,
};

function expectWork(got: WorkCount, expected: ExactCount, what: string): void {
  for (const key of ['tableRows', 'blockRows', 'projectedPositions', 'initialStates', 'movedBytes'] as const) {
    expectSame(got[key], expected[key], `${key}, ${what}`);
  }
}

/** N, from which an append, edits, a fork and a save are counted. */
const length = 600;

async function checkWork({ backend }: Trial, config: ModelConfig, mode: ContextMode): Promise<void> {
  using model = smallModel(backend, config);
  const ids = randomIds(length, config.vocabSize, 11);
  using session = model.createSession({ context: mode });
  expectWork(await workOf(model, () => session.append(ids)), appendWork(config, mode, ids), 'append');
  for (const [start, count, inserted] of [
    [50, 2, 3],
    [0, 0, 1],
    [256, 5, 0],
    [300, 4, 4],
    [590, 1, 2],
  ] as const) {
    await checkEdit(model, session, mode, start, count, randomIds(inserted, config.vocabSize, start));
  }
  expectWork(await workOf(model, async () => (await session.fork()).dispose()), nothing, 'fork');
  expectWork(await workOf(model, () => session.save()), nothing, 'save');
  const before = session.length;
  const decoded = await workOf(model, () => session.append([1]));
  expectSame(decoded.movedBytes, 0, 'bytes moved by an append');
  expectThat(decoded.initialStates <= 1, `An append of one id computed ${decoded.initialStates} initial states.`);
  expectSame(session.length, before + 1, 'ids after one more');
}

/** Every id once: its state, except in `ids`; its rows or projections, where the mode keeps them. */
function appendWork(config: ModelConfig, mode: ContextMode, ids: readonly number[]): ExactCount {
  const layers = inattentionLayers(config).length;
  const rows = new Set(ids).size * config.initialStateWindow * layers;
  return {
    tableRows: mode === 'tables' ? rows : 0,
    blockRows: 0,
    projectedPositions: mode === 'kv' ? ids.length * layers : 0,
    initialStates: mode === 'ids' || (mode === 'tables' && !keepsScales(config)) ? 0 : ids.length,
    movedBytes: 0,
  };
}

/** Whether tables keep 1/rms of each position: rows that are finished keys have it in them. */
function keepsScales(config: ModelConfig): boolean {
  return rowKind(config) !== 'finished';
}

async function checkEdit(
  model: Model,
  session: Session,
  mode: ContextMode,
  start: number,
  count: number,
  inserted: number[],
) {
  const { initialStateWindow: window, positionEmbeddingType } = model.config;
  const layers = model.contextModel.inattentionLayers.length;
  const after = session.length - count + inserted.length;
  const what = `${count} ids at ${start} by ${inserted.length}`;
  const work = await workOf(model, () => session.replace(start, count, inserted));
  const shifts = count !== inserted.length;
  // The inserted ids and the w−1 after the seam; learned positions change with the place.
  const seam = Math.min(after, start + inserted.length + window - 1) - start;
  const altered = positionEmbeddingType === 'learned' && shifts ? after - start : seam;
  const moved = shifts ? after - start - inserted.length : 0;
  switch (mode) {
    case 'kv': // everything from the edit on is projected again
      expectThat(work.projectedPositions <= (after - start) * layers, `Too many projections: ${what}`);
      expectThat(work.initialStates <= after - start, `Too many states: ${what}`);
      break;
    case 'tables':
      expectThat(work.tableRows <= new Set(inserted).size * window * layers, `Too many rows: ${what}`);
      expectSame(work.initialStates, keepsScales(model.config) ? altered : 0, `states, ${what}`);
      expectSame(work.projectedPositions, 0, `projections, ${what}`);
      expectSame(work.movedBytes, (keepsScales(model.config) ? 8 : 4) * moved, `bytes moved, ${what}`);
      break;
    case 'states':
      expectSame(work.initialStates, altered, `states, ${what}`);
      expectSame(work.projectedPositions, 0, `projections, ${what}`);
      expectThat(work.movedBytes <= 4 * moved, `${work.movedBytes} bytes moved, ${what}`);
      break;
    case 'ids':
      expectWork(work, { ...nothing, movedBytes: 4 * moved }, what);
  }
}

async function checkSecondPrompt({ backend }: Trial, config: ModelConfig): Promise<void> {
  using model = smallModel(backend, config);
  const layers = model.contextModel.inattentionLayers.length;
  const seen = randomIds(300, config.vocabSize - 10, 12);
  const unseen = [config.vocabSize - 1, config.vocabSize - 2];
  const first = model.createSession({ context: 'tables' });
  await first.append(seen);
  first.dispose(); // the table is the model's
  using second = model.createSession({ context: 'tables' });
  const prompt = [...seen.slice(0, 50), ...unseen, ...seen.slice(70, 90), ...unseen];
  const work = await workOf(model, () => second.append(prompt));
  expectSame(work.tableRows, unseen.length * config.initialStateWindow * layers, 'table rows of a second prompt');
  const states = keepsScales(config) ? prompt.length : 0;
  expectSame(work.initialStates, states, 'states of a second prompt (one 1/rms each)');
  expectSame(work.projectedPositions, 0, 'projections of a second prompt');
}

/** A step of one query projects no positions, but rows of distinct ids, or nothing, where the mathematics allows it. */
async function checkStep({ backend, expectClose }: Trial, config: ModelConfig): Promise<void> {
  using model = smallModel(backend, config);
  const { initialStateWindow: window, positionEmbeddingType } = config;
  const layers = model.contextModel.inattentionLayers.length;
  const distinct = 20;
  const ids = randomIds(length, distinct, 13);
  expectSame(new Set(ids).size, distinct, 'distinct ids');
  const stepOf = async (mode: ContextMode) => {
    using session = model.createSession({ context: mode });
    await session.append(ids);
    await session.nextLogits(); // fills self layers
    let logits: readonly Float32Array[] = [];
    const work = await workOf(model, async () => {
      logits = await session.logitsAt([length - 1]);
    });
    return { work, logits: logits[0] as Float32Array };
  };
  const { logits: expected, work: none } = await stepOf('kv');
  expectWork(none, nothing, 'a step in kv');
  const all = { ...nothing, projectedPositions: length * layers };
  const { work: ofIds, logits: fromIds } = await stepOf('ids');
  const rows = distinct * window * layers;
  // Learned positions have a row each, and sums that are not keys yet are finished by position: nothing is saved by rows.
  const byPosition = positionEmbeddingType === 'learned' || rowKind(config) === 'parts';
  if (positionEmbeddingType === 'rope' && !byPosition)
    expectWork(ofIds, { ...nothing, blockRows: rows }, 'a step in ids');
  const projections = byPosition ? length * layers : 0;
  expectThat(ofIds.projectedPositions <= projections, `A step in ids projected ${ofIds.projectedPositions} positions.`);
  const products = (positionEmbeddingType === 'learned' ? length : distinct) * (window - 1) * layers;
  expectThat(ofIds.windowProducts <= products, `A step in ids multiplied ${ofIds.windowProducts} rows by M.`);
  expectThat(ofIds.blockRows <= rows, `A step in ids projected ${ofIds.blockRows} rows.`);
  expectClose(fromIds, expected, { operation: 'logits', dtype: 'f32', what: 'a step in ids' });
  const { work: ofStates, logits: fromStates } = await stepOf('states');
  expectWork(ofStates, positionEmbeddingType === 'rope' ? all : nothing, 'a step in states');
  expectClose(fromStates, expected, { operation: 'logits', dtype: 'f32', what: 'a step in states' });
}
