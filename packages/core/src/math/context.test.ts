import { expect, test } from 'vitest';
import { smallContextModel } from '../../test/small-context-model.ts';
import { DisposedError, OutOfMemoryError } from '../errors/errors.ts';
import { Context } from './context.ts';
import { contextModes } from './context-mode.ts';
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
