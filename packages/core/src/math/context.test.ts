import { expect, test } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { eachFault, withFaults } from '../../test/faults.ts';
import { smallContextModel } from '../../test/small-context-model.ts';
import { DisposedError, OutOfMemoryError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { Context } from './context.ts';
import { contextModes } from './context-mode.ts';
import type { ContextModel } from './context-model.ts';
import { plan } from './plan.ts';

test('a refresh that fails, whenever, leaves the rows of other contexts in use and the context as it was', () => {
  const ids = Int32Array.of(3, 1, 4, 1, 5);
  let failures = 0;
  for (let allowed = 0; ; allowed += 1) {
    const { backend, model } = smallContextModel();
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

test.each(contextModes)('host bytes are what the ledger and plan() count: %s', (mode) => {
  const { backend, model } = smallContextModel();
  const context = new Context(model, { mode });
  context.append(new Int32Array(257));
  const planned = plan(model.config, { tokens: 257 }).rows.find((row) => row.mode === mode);
  expect([context.hostByteLength, backend.ledger.snapshot().host]).toEqual([planned?.hostBytes, planned?.hostBytes]);
  context.dispose();
});

test.each(contextModes)('once disposed of, a context takes nothing more, nor does a change under way: %s', (mode) => {
  const { backend, model } = smallContextModel({
    numHiddenLayers: 2,
    attentionTypes: ['inattention', 'self'],
    initialStateWindow: 2,
  });
  const ids = Int32Array.of(3, 1, 4, 1, 5);
  const changes: [number, number, Int32Array][] = [
    [5, 0, ids],
    [2, 3, new Int32Array(0)],
    [1, 2, ids],
    [0, 0, new Int32Array(0)],
  ];
  for (const [start, removed, inserted] of changes) {
    for (const end of ['commit', 'rollback'] as const) {
      const other = new Context(model, { mode });
      other.append(ids);
      const context = other.fork();
      const edit = context.prepare(start, removed, inserted);
      context.dispose();
      if (end === 'rollback') edit.rollback();
      else expect(() => edit.commit()).toThrow(DisposedError);
      for (const work of [
        () => context.append(ids),
        () => context.replace(0, 0, new Int32Array(0)),
        () => context.refresh(),
        () => context.growSelf(3),
        () => context.fork(),
      ]) {
        expect(work).toThrow(DisposedError);
      }
      context.truncateSelf(0);
      context.dispose();
      const { live, host } = backend.ledger.snapshot();
      expect([live.context, host]).toEqual([other.byteLength, other.hostByteLength]);
      expect(other.fork().dispose()).toBeUndefined();
      other.dispose();
      model.table('f32').shrink(0);
      expect([backend.ledger.live('context'), backend.ledger.live('table')]).toEqual([0, 0]);
    }
  }
});

/** What attention in layer 0 reads from a context at its last position. */
async function attended(model: ContextModel, context: Context): Promise<number[]> {
  const { operations } = model;
  using queries = operations.upload(Float32Array.of(1, -2, 0.5, 3), [1, 1, 4]);
  using positions = operations.index([context.length - 1]);
  using out = context.attend(0, queries, positions);
  return [...(await out.readFloat32())];
}

/** The same of a context made anew. */
async function attendedFresh(model: ContextModel, ids: Int32Array): Promise<number[]> {
  const fresh = new Context(model, { mode: 'kv' });
  fresh.append(ids);
  const result = await attended(model, fresh);
  fresh.dispose();
  return result;
}

const edited = Int32Array.from({ length: 300 }, (_, position) => (position * 7) % 13);
const changes: [string, number, number, Int32Array][] = [
  ['an append', 300, 0, Int32Array.from({ length: 270 }, (_, i) => i % 20)],
  ['an insertion', 100, 0, Int32Array.of(17, 18, 19)],
  ['an overwrite', 255, 2, Int32Array.of(16, 15)],
  ['a removal', 10, 250, new Int32Array(0)],
  ['a replacement at the end', 290, 10, Int32Array.of(14)],
];

const trials = contextModes.flatMap((mode) => changes.map((change) => [mode, ...change] as const));

test.each(trials)(
  '%s: %s that is taken back, or fails at any call, changes nothing',
  async (mode, _, start, removed, inserted) => {
    const faulty = withFaults(createHostBackend());
    const { backend } = faulty;
    const learned = { positionEmbeddingType: 'learned', initialStateWindow: 3, maxPositionEmbeddings: 600 } as const;
    const { model } = smallContextModel(learned, { backend });
    const context = new Context(model, { mode });
    context.append(edited);
    const fork = context.fork();
    const [before, expected] = [backend.ledger.snapshot(), await attended(model, context)];
    const table = model.table('f32');
    const mark = table.mark();
    const work = () => {
      try {
        context.prepare(start, removed, inserted).rollback();
      } finally {
        table.rollBack(mark, false);
      }
    };
    const unchanged = () => {
      const { live, host } = backend.ledger.snapshot();
      expect([live, host]).toEqual([before.live, before.host]);
      expect(context.ids.slice()).toEqual(edited);
      expect([context.byteLength, table.mark()]).toEqual([fork.byteLength, mark]);
    };
    const calls = eachFault(faulty, work, unchanged);
    unchanged();
    expect(calls > 0 || removed === 250).toBe(true);
    expect(await attended(model, context)).toEqual(expected);
    context.replace(start, removed, inserted);
    expectClose(await attended(model, context), await attendedFresh(model, context.ids.slice()), { relative: 1e-5 });
    expect(await attended(model, fork)).toEqual(expected);
    context.dispose();
    fork.dispose();
    model.dispose();
    expect([backend.ledger.live('context'), backend.ledger.live('table')]).toEqual([0, 0]);
  },
);

test.each(contextModes)('new weights are noticed by whatever comes first: %s', async (mode) => {
  const firsts: Record<string, (context: Context) => Context> = {
    append: (context) => {
      context.append(Int32Array.of(7));
      return context;
    },
    edit: (context) => {
      context.replace(1, 1, Int32Array.of(8, 9));
      return context;
    },
    fork: (context) => {
      const fork = context.fork();
      context.dispose();
      return fork;
    },
    refresh: (context) => {
      expect(context.refresh()).toBe(true);
      expect(context.refresh()).toBe(false);
      return context;
    },
  };
  for (const first of Object.values(firsts)) {
    const { backend, model } = smallContextModel({ initialStateWindow: 2 });
    const context = new Context(model, { mode });
    context.append(edited);
    const before = await attended(model, context);
    const { value, norm } = model.weights.layers[0] as (typeof model.weights.layers)[number];
    value.write((await value.readFloat32()).map((x) => 2 - x));
    norm.write((await norm.readFloat32()).map((x) => -x));
    model.invalidate();
    const after = first(context);
    const expected = await attendedFresh(model, after.ids.slice());
    expectClose(await attended(model, after), expected, { relative: 1e-5 });
    expect(await attended(model, after)).not.toEqual(before);
    const { live } = backend.ledger.snapshot();
    expect([live.context, live.table]).toEqual([after.byteLength, model.tableBytes]);
    after.dispose();
    model.dispose();
    expect([backend.ledger.live('context'), backend.ledger.live('table')]).toEqual([0, 0]);
  }
});

test('tables of older weights count until the last context that holds them has gone', () => {
  const { backend, model } = smallContextModel({ positionEmbeddingType: 'learned' });
  const bytes = () => [model.tableBytes, backend.ledger.live('table')];
  const contexts = Array.from({ length: 3 }, () => new Context(model, { mode: 'tables' }));
  const [first, second, third] = contexts as [Context, Context, Context];
  for (const context of contexts) context.append(edited.subarray(0, 64));
  const one = model.tableBytes;
  expect(bytes()).toEqual([one, one]);
  model.invalidate();
  expect(bytes()).toEqual([one, one]);
  first.refresh();
  expect(bytes()).toEqual([2 * one, 2 * one]);
  model.invalidate();
  second.refresh(); // three generations, a context in each
  expect(bytes()).toEqual([3 * one, 3 * one]);
  first.refresh();
  expect(bytes()).toEqual([2 * one, 2 * one]);
  third.dispose();
  expect(bytes()).toEqual([one, one]);
  model.dispose(); // tables outlive it with their contexts
  expect(bytes()).toEqual([one, one]);
  first.dispose();
  second.dispose();
  expect(bytes()).toEqual([0, 0]);
});

test('learned positions end: what goes beyond is refused before anything is changed', () => {
  const { backend, model } = smallContextModel({ positionEmbeddingType: 'learned', maxPositionEmbeddings: 10 });
  for (const mode of contextModes) {
    const context = new Context(model, { mode });
    context.append(new Int32Array(10));
    const before = backend.ledger.snapshot();
    for (const [start, removed, inserted] of [
      [10, 0, 1],
      [0, 0, 1],
      [3, 2, 3],
    ] as const) {
      const ids = new Int32Array(inserted).fill(19);
      expect(() => context.replace(start, removed, ids)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
    }
    const { live, host } = backend.ledger.snapshot();
    expect([live, host, context.length]).toEqual([before.live, before.host, 10]);
    context.replace(3, 2, new Int32Array(2));
    context.dispose();
  }
});
