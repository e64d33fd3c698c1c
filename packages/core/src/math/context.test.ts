import { expect, test } from 'vitest';
import { smallContextModel } from '../../test/small-context-model.ts';
import { OutOfMemoryError } from '../errors/errors.ts';
import { Context } from './context.ts';

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
