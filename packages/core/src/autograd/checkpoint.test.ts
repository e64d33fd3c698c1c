import { describe, expect, it } from 'vitest';
import { eachFault, withFaults } from '../../test/faults.ts';
import { seededRandom } from '../../test/random.ts';
import { ShapeError } from '../errors/errors.ts';
import { EagerOperations } from '../operations/eager-operations.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { Operations } from '../operations/operations.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { RecordingOperations } from './recording-operations.ts';
import type { Variable } from './variable.ts';

/** h + swiglu(norm(h) W, rows of a table) ⊙ norm(h): everything it is given is used twice or added to in place. */
function block<V>(operations: Operations<V>, ids: IndexTensor, [hidden, weight, table]: readonly V[]): V {
  return operations.scope(() => {
    const [h, w, e] = [hidden, weight, table] as [V, V, V];
    const inputs = operations.rmsNorm(h, null, 1e-5);
    const gated = operations.swiglu(operations.linear(inputs, w), operations.embed(e, ids));
    return operations.add(h, operations.multiply(gated, inputs));
  });
}

/** Six blocks and a loss. */
function record(tape: RecordingOperations, ids: IndexTensor, inputs: readonly Variable[], kept: boolean): Variable {
  const [first, weight, table, constant] = inputs as [Variable, Variable, Variable, Variable];
  let hidden = tape.add(first, constant);
  for (let layer = 0; layer < 6; layer += 1) {
    const parts = [hidden, weight, table];
    hidden = kept
      ? block(tape, ids, parts)
      : tape.checkpoint(parts, {
          forward: (eager, values) => block(eager, ids, values),
          again: (recording, variables) => block(recording, ids, variables),
        });
  }
  return tape.mean(tape.multiply(hidden, hidden));
}

const rows = 5;
const width = 64;

function setUp(backend = createHostBackend()) {
  const operations = new EagerOperations(backend);
  const random = seededRandom(7);
  const values = [
    operations.upload(random.normals(rows * width), [rows, width]),
    operations.upload(random.normals(width * width, 0.2), [width, width]),
    operations.upload(random.normals(7 * width), [7, width]),
    operations.upload(random.normals(rows * width), [rows, width]),
  ] as const;
  const ids = operations.index([6, 0, 6, 2, 1]);
  const leaves = (tape: RecordingOperations) => {
    const [x, weight, table, constant] = values;
    return [tape.parameter(x), tape.parameter(weight), tape.parameter(table), tape.constant(constant)];
  };
  return { backend, operations, ids, leaves, live: () => backend.ledger.snapshot().liveTotal };
}

async function gradientsOf(kept: boolean) {
  const { backend, operations, ids, leaves, live } = setUp();
  const before = live();
  const tape = new RecordingOperations(operations);
  const inputs = leaves(tape);
  backend.ledger.resetPeak();
  const loss = record(tape, ids, inputs, kept);
  const value = await loss.value.readFloat32();
  const forward = live() - before;
  const gradients = tape.backward(loss);
  const numbers = await Promise.all(inputs.map(async (input) => (await gradients.get(input)?.readFloat32()) ?? null));
  const peak = backend.ledger.snapshot().peakLive - before;
  gradients.dispose();
  expect(live()).toBe(before);
  return { value, numbers, forward, peak };
}

describe('checkpoint', () => {
  it('gives the same loss and gradients, bit for bit, and keeps results only', async () => {
    const [kept, again] = [await gradientsOf(true), await gradientsOf(false)];
    expect(again.value).toEqual(kept.value);
    expect(again.numbers).toEqual(kept.numbers);
    expect(again.numbers.map((numbers) => numbers === null)).toEqual([false, false, false, true]);
    const array = rows * width * 4;
    // The sum at the start, a result per block, its square, and the mean.
    expect(again.forward).toBe(8 * array + 4);
    expect(again.peak).toBeLessThan(kept.peak - 15 * array);
  });

  it('leaves nothing behind whatever fails, forward or backward', () => {
    const host = createHostBackend();
    const faulty = withFaults(host);
    const { operations, ids, leaves, live } = setUp(faulty.backend);
    const before = live();
    const step = () => {
      using tape = new RecordingOperations(operations);
      tape.backward(record(tape, ids, leaves(tape), false)).dispose();
    };
    const calls = eachFault(faulty, step, (call) => expect([call, live()]).toEqual([call, before]));
    expect(calls).toBeGreaterThan(200);
  });
});

describe('backwardFrom', () => {
  it('goes on from a gradient that is known, and leaves that alone', async () => {
    const { operations, ids, leaves, live } = setUp();
    const before = live();
    const tape = new RecordingOperations(operations);
    const [x, weight, table] = leaves(tape) as [Variable, Variable, Variable];
    const output = block(tape, ids, [x, weight, table]);
    const gradient = operations.scope(() => operations.scale(output.value, 2));
    const again = new RecordingOperations(operations);
    const others = leaves(again) as [Variable, Variable, Variable];
    const square = again.multiply(block(again, ids, others), block(again, ids, others));
    const flat = again.linear(again.reshape(square, [1, rows * width]), again.constant(operations.full([1, 320], 1)));
    const [seed, known] = [await gradient.read(), again.backward(flat)];
    const found = tape.backwardFrom(output, gradient);
    for (const [place, leaf] of [x, weight, table].entries()) {
      const got = (await found.get(leaf)?.readFloat32()) as Float32Array;
      const expected = (await known.get(others[place] as Variable)?.readFloat32()) as Float32Array;
      const error = Math.max(...got.map((value, i) => Math.abs(value - (expected[i] as number))));
      expect(error).toBeLessThan(1e-4 * Math.max(...expected.map(Math.abs)));
    }
    expect(await gradient.read()).toEqual(seed);
    for (const part of [found, known, gradient]) part.dispose();
    expect(live()).toBe(before + 320 * 4);
  });

  it('takes parameters as they are, and gradients of their shape', async () => {
    const { operations, leaves } = setUp();
    const tape = new RecordingOperations(operations);
    const [x] = leaves(tape) as [Variable];
    expect(() => tape.backwardFrom(x, operations.zeros([2]))).toThrow(ShapeError);
    const gradient = operations.full([rows, width], 3);
    using found = tape.backwardFrom(x, gradient);
    expect(await found.get(x)?.read()).toEqual(await gradient.read());
  });
});
