import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../test/random.ts';
import { DisposedError, DTypeError, InvalidArgumentError } from '../errors/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { EagerOperations } from './eager-operations.ts';

function setUp() {
  const backend = createHostBackend();
  return { backend, operations: new EagerOperations(backend), live: () => backend.ledger.snapshot().liveTotal };
}

describe('scope', () => {
  it('disposes of what was made inside, except its result', async () => {
    const { operations, live } = setUp();
    const made: Tensor[] = [];
    const result = operations.scope(() => {
      made.push(operations.zeros([100]), operations.full([100], 1));
      return operations.add(made[0] as Tensor, made[1] as Tensor);
    });
    expect(made.map((tensor) => tensor.disposed)).toEqual([true, true]);
    expect(live()).toBe(400);
    expect((await result.readFloat32())[99]).toBe(1);
    result.dispose();
    expect(live()).toBe(0);
  });

  it('hands lists and records of tensors out', () => {
    const { operations, live } = setUp();
    const [a, b] = operations.scope(() =>
      [operations.zeros([1]), operations.zeros([1]), operations.zeros([1])].slice(1),
    );
    const { c } = operations.scope(() => ({ c: operations.zeros([1]) }));
    expect([a, b, c].map((tensor) => tensor?.disposed)).toEqual([false, false, false]);
    expect(live()).toBe(12);
  });

  it('passes results on to the scope around it', () => {
    const { operations, live } = setUp();
    let inner: Tensor | undefined;
    operations.scope(() => {
      inner = operations.scope(() => operations.scope(() => operations.zeros([4])));
      expect(inner.disposed).toBe(false);
      expect(live()).toBe(16);
    });
    expect(inner?.disposed).toBe(true);
    expect(live()).toBe(0);
  });

  it('leaves tensors alone that it did not make', () => {
    const { operations } = setUp();
    const before = operations.zeros([1]);
    operations.scope(() => {
      const outer = operations.zeros([1]);
      expect(operations.scope(() => outer)).toBe(outer);
      operations.scope(() => {
        operations.add(outer, before);
      });
      expect(outer.disposed).toBe(false);
      return before;
    });
    expect(before.disposed).toBe(false);
  });

  it('disposes of everything when the body throws, and can be used afterwards', () => {
    const { operations, live } = setUp();
    const failing = () =>
      operations.scope(() => {
        operations.zeros([8]);
        operations.scope(() => {
          operations.zeros([8]);
          operations.add(operations.zeros([2]), operations.zeros([3]));
        });
      });
    expect(failing).toThrow(/add: the second operand/);
    expect(live()).toBe(0);
    operations.zeros([1]); // nobody's scope: the caller's
    expect(live()).toBe(4);
  });

  it('allows tensors to be disposed of early, and results that share their bytes', async () => {
    const { operations, live } = setUp();
    const row = operations.scope(() => {
      operations.zeros([10]).dispose();
      const table = operations.upload(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]);
      return operations.reshape(operations.slice(table, 1, 1), [2]);
    });
    expect(await row.readFloat32()).toEqual(Float32Array.of(3, 4));
    expect(live()).toBe(24); // the whole table, until its last view goes
    row.dispose();
    expect(live()).toBe(0);
  });

  it('keeps a tensor out of every scope', () => {
    const { operations, live } = setUp();
    let kept: Tensor | undefined;
    operations.scope(() => {
      operations.scope(() => {
        kept = operations.keep(operations.zeros([4]));
      });
    });
    expect(kept?.disposed).toBe(false);
    kept?.dispose();
    expect(live()).toBe(0);
  });

  it('refuses an asynchronous body, which could not keep its tensors', () => {
    const { operations, live } = setUp();
    const asynchronous = () =>
      operations.scope(async () => {
        await operations.zeros([4]).read();
      });
    expect(asynchronous).toThrow(InvalidArgumentError);
    expect(live()).toBe(0);
  });

  it('is that of its own object only', () => {
    const { operations, live } = setUp();
    const other = operations.separate('gradients');
    operations.scope(() => {
      other.zeros([4]);
    });
    expect(live()).toBe(16);
    expect(operations.backend.ledger.live('gradients')).toBe(16);
  });
});

it('leaves nothing behind: any operation, in and outside scopes', () => {
  const { operations, live } = setUp();
  const random = seededRandom(70);
  const run = () => {
    const index = operations.index([1, 0]);
    const made = operations.scope(() => {
      const x = operations.upload(random.normals(8), [2, 4]);
      const w = operations.upload(random.normals(16), [4, 4]);
      const h = operations.swiglu(operations.linear(x, w), operations.rmsNorm(x, null, 1e-5));
      const q = operations.reshape(h, [2, 2, 2]);
      const options = { positions: index, firstPosition: 0, scale: 1, slopes: [0.5, 0.25] };
      const a = operations.attention(q, q, q, options);
      const logits = operations.reshape(operations.embed(operations.reshape(a, [2, 4]), index), [2, 4]);
      return operations.mean(operations.crossEntropy(logits, index));
    });
    index.dispose();
    made.dispose();
  };
  run();
  expect(live()).toBe(0);
  for (let round = 0; round < 3; round += 1) run();
  expect(live()).toBe(0);
});

it('is released by `using`', () => {
  const { operations, live } = setUp();
  {
    using tensor = operations.zeros([4]);
    using index = operations.index([1, 2]);
    expect([tensor.size, index.length]).toEqual([4, 2]);
    expect(live()).toBe(24);
  }
  expect(live()).toBe(0);
});

it('counts results for the purpose it was made with, or the one that is named', () => {
  const backend = createHostBackend();
  const operations = new EagerOperations(backend, { purpose: 'optimizer' });
  const x = operations.upload(Float32Array.of(1, 2), [2]);
  operations.exp(x);
  operations.zeros([4], 'weights');
  operations.full([2], -1, 'i32', 'table');
  const { live } = backend.ledger.snapshot();
  expect([live.optimizer, live.weights, live.table, live.activations]).toEqual([16, 16, 8, 0]);
});

it('fills tensors of any dtype but f16', async () => {
  const { operations } = setUp();
  expect(await operations.full([2], -3, 'i32').read()).toEqual(Int32Array.of(-3, -3));
  expect(await operations.full([], 0.5).readFloat32()).toEqual(Float32Array.of(0.5));
  expect(() => operations.full([2], 1, 'f16')).toThrow(DTypeError);
});

it('refuses tensors that were disposed of, naming them', () => {
  const { operations } = setUp();
  const [gone, x] = [operations.zeros([2, 3]), operations.zeros([2, 3])];
  gone.dispose();
  expect(() => operations.add(x, gone)).toThrow(DisposedError);
  expect(() => operations.linear(gone, x)).toThrow(/shape \[2, 3\] was used after it was disposed of/);
  expect(() => operations.reshape(gone, [6])).toThrow(DisposedError);
});
