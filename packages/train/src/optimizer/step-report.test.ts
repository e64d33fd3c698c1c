import { EagerOperations } from '@inattention/core';
import { createHostBackend } from '@inattention/core/testing';
import { Random } from '@inattention/model';
import { expect, it } from 'vitest';
import { readStepReport } from './step-report.ts';

function setUp() {
  const backend = createHostBackend();
  const operations = new EagerOperations(backend);
  const loss = operations.upload(Float32Array.of(1.5), []);
  return { backend, operations, loss };
}

it('reads the loss and the norm over all gradients', async () => {
  const { backend, operations, loss } = setUp();
  const random = Random.seeded(1);
  const numbers = (count: number) => Float32Array.from({ length: count }, () => random.normal());
  const [matrix, vector, cube] = [numbers(12), numbers(5), numbers(24)] as const;
  const gradients = new Map([
    ['matrix', operations.upload(matrix, [3, 4])],
    ['vector', operations.upload(vector, [5])],
    ['cube', operations.upload(cube, [2, 3, 4])],
  ]);
  const before = backend.ledger.snapshot().liveTotal;
  const report = await readStepReport(operations, loss, gradients);
  expect(report).toMatchObject({ loss: 1.5, nonFinite: null });
  expect(report.gradientNorm).toBeCloseTo(Math.hypot(...matrix, ...vector, ...cube), 5);
  expect(backend.ledger.snapshot().liveTotal).toBe(before);
});

it.each([Number.NaN, Number.POSITIVE_INFINITY])('names the gradient that holds %d', async (value) => {
  const { operations, loss } = setUp();
  const gradients = new Map([
    ['fine', operations.upload(Float32Array.of(1, 2), [2])],
    ['broken', operations.upload(Float32Array.of(1, value), [2])],
    ['later', operations.upload(Float32Array.of(value), [1])],
  ]);
  expect(await readStepReport(operations, loss, gradients)).toMatchObject({ loss: 1.5, nonFinite: 'broken' });
});
