import { describe, expect, it } from 'vitest';
import { eachFault, withFaults } from '../../test/faults.ts';
import { seededRandom } from '../../test/random.ts';
import { DisposedError, DTypeError, InvalidArgumentError, ShapeError, UnsupportedError } from '../errors/errors.ts';
import { EagerOperations } from '../operations/eager-operations.ts';
import { quantizeBlocks } from '../tensor/quantize-blocks.ts';
import { Tensor } from '../tensor/tensor.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { RecordingOperations } from './recording-operations.ts';
import type { Variable } from './variable.ts';

function setUp() {
  const backend = createHostBackend();
  const operations = new EagerOperations(backend);
  const tape = new RecordingOperations(operations);
  return { backend, operations, tape, live: () => backend.ledger.snapshot().liveTotal };
}

describe('backward', () => {
  it('adds up the gradients of a parameter that is used twice, and has none for constants and the unused', async () => {
    const { operations, tape } = setUp();
    const x = tape.parameter(operations.upload(Float32Array.of(1, 2), [2]));
    const c = tape.constant(operations.upload(Float32Array.of(10, 20), [2]));
    const unused = tape.parameter(operations.zeros([2]));
    // mean(3x² + cx): gradient (6x + c) / 2
    const square = tape.scale(tape.multiply(x, x), 3);
    using gradients = tape.backward(tape.mean(tape.add(square, tape.multiply(c, x))));
    expect(await gradients.get(x)?.readFloat32()).toEqual(Float32Array.of(8, 16));
    expect([gradients.get(c), gradients.get(unused)]).toEqual([undefined, undefined]);
  });

  it('counts gradients as gradients, and leaves only them and the leaves', async () => {
    const { backend, operations, tape, live } = setUp();
    const weight = tape.parameter(operations.upload(seededRandom(1).normals(16), [4, 4], 'weights'));
    const input = tape.constant(operations.upload(seededRandom(2).normals(12), [3, 4]));
    const leaves = live();
    const hidden = tape.swiglu(tape.linear(input, weight), tape.rmsNorm(input, null, 1e-5));
    const loss = tape.mean(tape.linear(hidden, weight));
    expect(live()).toBeGreaterThan(leaves);
    const gradients = tape.backward(loss);
    expect(live()).toBe(leaves + 64);
    expect(backend.ledger.live('gradients')).toBe(64);
    gradients.dispose();
    expect(live()).toBe(leaves);
  });

  it('lets the caller take gradients over', async () => {
    const { operations, tape, live } = setUp();
    const x = tape.parameter(operations.upload(Float32Array.of(3), [1]));
    const gradients = tape.backward(tape.mean(tape.scale(x, 5)));
    const taken = gradients.take(x);
    expect(gradients.get(x)).toBeUndefined();
    gradients.dispose();
    expect(await taken?.readFloat32()).toEqual(Float32Array.of(5));
    taken?.dispose();
    expect(live()).toBe(4);
  });

  it("goes through operations of the caller's own", async () => {
    const { operations, tape, live } = setUp();
    const x = tape.parameter(operations.upload(Float32Array.of(2, -3), [2]));
    const cube = tape.record([x], (run) => {
      const square = run.multiply(x.value, x.value);
      const output = run.multiply(square, x.value);
      const backward = (later: EagerOperations, gradient: Tensor) => [later.multiply(gradient, later.scale(square, 3))];
      return { output, saved: [square], backward };
    });
    using gradients = tape.backward(tape.mean(cube));
    expect(await gradients.get(x)?.readFloat32()).toEqual(Float32Array.of(6, 13.5));
    expect(live()).toBe(16); // x and its gradient
  });

  it('frees what the forward pass kept as it goes', () => {
    const { backend, operations, tape, live } = setUp();
    const size = 1000;
    const steps = 20;
    const x = tape.parameter(operations.full([size], 1));
    let value = x;
    for (let step = 0; step < steps; step += 1) value = tape.multiply(value, x);
    const forward = live();
    expect(forward).toBe((steps + 1) * size * 4);
    backend.ledger.resetPeak();
    tape.backward(tape.mean(value)).dispose();
    // A few arrays more at a time, not a gradient for each of the twenty.
    expect(backend.ledger.snapshot().peakLive).toBeLessThan(forward + 5 * size * 4);
    expect(live()).toBe(size * 4);
  });

  it('adds what comes from rows of a table into one gradient of its size', () => {
    const peak = (uses: number) => {
      const { backend, operations, tape, live } = setUp();
      const table = tape.parameter(operations.zeros([1000, 8]));
      const ids = operations.index([1, 2, 3]);
      let sum = tape.embed(table, ids);
      for (let use = 1; use < uses; use += 1) sum = tape.add(sum, tape.embed(table, ids));
      const loss = tape.mean(sum);
      const forward = live();
      backend.ledger.resetPeak();
      tape.backward(loss).dispose();
      return backend.ledger.snapshot().peakLive - forward;
    };
    const once = 1000 * 8 * 4;
    expect(peak(1)).toBeGreaterThan(once);
    expect(peak(6)).toBeLessThan(1.1 * once);
  });

  it('goes through storage dtypes that are constants', async () => {
    const { operations, tape } = setUp();
    const x = tape.parameter(operations.upload(Float32Array.of(1, 2), [1, 2]));
    const weight = tape.constant(operations.cast(operations.upload(Float32Array.of(3, 4), [1, 2]), 'f16'));
    using gradients = tape.backward(tape.linear(x, weight));
    expect(await gradients.get(x)?.readFloat32()).toEqual(Float32Array.of(3, 4));
  });

  it('frees the loss, unless its bytes are shared', async () => {
    const { operations, tape } = setUp();
    const loss = tape.mean(tape.parameter(operations.full([2], 7)));
    const kept = loss.value.reshape([]);
    tape.backward(loss).dispose();
    expect(loss.value.disposed).toBe(true);
    expect(await kept.readFloat32()).toEqual(Float32Array.of(7));
  });

  it('refuses what is no loss of this recording', () => {
    const { operations, tape } = setUp();
    const x = tape.parameter(operations.zeros([2]));
    const constant = tape.constant(operations.zeros([1]));
    const elsewhere = new RecordingOperations(operations).scale(x, 2);
    expect(() => tape.backward(tape.scale(x, 2))).toThrow(ShapeError);
    expect(() => tape.backward(tape.scale(x, 2))).toThrow(/a scalar loss.*Got: \[2\].*take the mean/);
    expect(() => tape.backward(constant)).toThrow(InvalidArgumentError);
    expect(() => tape.backward(tape.scale(constant, 2))).toThrow(/depends on no parameter/);
    expect(() => tape.backward(elsewhere)).toThrow(ShapeError);
    expect(() => tape.backward(new RecordingOperations(operations).mean(x))).toThrow(/not recorded here/);
    tape.backward(tape.mean(x)).dispose(); // still in use after all that
  });
});

describe('a recording', () => {
  it('keeps everything in its scopes until it is disposed of', () => {
    const { operations, tape, live } = setUp();
    const x = tape.parameter(operations.full([4], 2));
    const result = tape.scope(() => {
      tape.scale(x, 3);
      return tape.scope(() => tape.scale(x, 4));
    });
    tape.scope(() => {});
    expect(result.value.disposed).toBe(false);
    expect(live()).toBe(48);
    tape.dispose();
    tape.dispose();
    expect(live()).toBe(16);
  });

  it('is not touched by scopes of the operations it was made with', async () => {
    const { operations, tape, live } = setUp();
    const x = operations.full([1], 2);
    let loss: Variable | undefined;
    operations.scope(() => {
      const parameter = tape.parameter(x);
      loss = tape.mean(tape.multiply(parameter, parameter));
    });
    expect(await loss?.value.readFloat32()).toEqual(Float32Array.of(4));
    tape.dispose();
    expect(live()).toBe(4);
  });

  it('keeps nothing for gradients that nobody wants', () => {
    const { operations, tape, live } = setUp();
    const constant = tape.constant(operations.zeros([3, 4]));
    const before = live();
    tape.rmsNorm(constant, null, 1e-5);
    expect(live()).toBe(before + 48); // the output, without 1/rms
  });

  it('can be used once', () => {
    const { operations, tape } = setUp();
    const x = tape.parameter(operations.zeros([1]));
    const loss = tape.mean(x);
    tape.backward(loss).dispose();
    expect(() => tape.scale(x, 2)).toThrow(DisposedError);
    expect(() => tape.backward(loss)).toThrow(/after its gradients were taken or it was disposed of/);
  });

  it('takes f32 parameters only', () => {
    const { operations, tape } = setUp();
    expect(() => tape.parameter(operations.cast(operations.zeros([2]), 'f16'))).toThrow(DTypeError);
    expect(() => tape.parameter(operations.index([1]).tensor)).toThrow(/A parameter must be f32/);
  });

  it('refuses i8: as parameters, and where a gradient would flow through', () => {
    const { backend, operations, tape, live } = setUp();
    const array = quantizeBlocks(seededRandom(4).normals(32), [4, 8]);
    const weight = operations.own(Tensor.fromBlocks(backend, array, 'weights'));
    const input = operations.upload(seededRandom(5).normals(16), [2, 8]);
    const before = live();
    expect(() => tape.parameter(weight)).toThrow(/A parameter must be f32.*Got: i8.*f32 weights/s);
    expect(() => tape.linear(tape.parameter(input), tape.constant(weight))).toThrow(UnsupportedError);
    expect(live()).toBe(before);
    // Constants on both sides are no matter of gradients.
    expect(tape.linear(tape.constant(input), tape.constant(weight)).differentiable).toBe(false);
  });

  it('computes the same values as operations without recording', async () => {
    const { operations, tape } = setUp();
    const x = operations.upload(seededRandom(3).normals(12), [3, 4]);
    const ids = operations.index([2, 0, 1]);
    const run = tape.crossEntropy(tape.rmsNorm(tape.parameter(x), null, 1e-5), ids);
    const plain = operations.crossEntropy(operations.rmsNorm(x, null, 1e-5), ids);
    expect(tape.shapeOf(run)).toEqual([3]);
    expect(await run.value.read()).toEqual(await plain.read());
  });

  it('leaves nothing behind whatever fails, forward or backward', () => {
    const host = createHostBackend();
    const faulty = withFaults(host);
    const operations = new EagerOperations(faulty.backend);
    const random = seededRandom(4);
    const [table, gain, weight] = [random.normals(20), random.normals(4), random.normals(16)];
    const parameters = [
      operations.upload(table, [5, 4]),
      operations.upload(gain, [4]),
      operations.upload(weight, [4, 4]),
    ] as const;
    const ids = operations.index([4, 0, 4]);
    const before = host.ledger.snapshot().liveTotal;
    const step = () => {
      using tape = new RecordingOperations(operations);
      const [e, g, w] = parameters.map((tensor) => tape.parameter(tensor)) as [Variable, Variable, Variable];
      const x = tape.embed(e, ids);
      const u = tape.linear(tape.rmsNorm(x, g, 1e-5), w);
      const heads = tape.reshape(u, [3, 2, 2]);
      const options = { positions: ids, firstPosition: 0, scale: 1, slopes: [0.5, 0.25] };
      const mixed = tape.add(x, tape.reshape(tape.attention(heads, heads, heads, options), [3, 4]));
      const logits = tape.linear(tape.swiglu(mixed, tape.multiply(mixed, g)), e);
      tape.backward(tape.mean(tape.crossEntropy(logits, ids))).dispose();
    };
    const calls = eachFault(faulty, step, (call) => {
      expect([call, host.ledger.snapshot().liveTotal]).toEqual([call, before]);
    });
    expect(calls).toBeGreaterThan(200);
  });
});
