import { Worker } from 'node:worker_threads';
import { BackendUnavailableError } from '@inattention/core';
import { afterEach, expect, test } from 'vitest';
import { installedBinding } from '../setup/cache-folder.ts';
import { loadBinding } from './load-binding.ts';
import { typeNumbers } from './native-binding.ts';

const { INATTENTION_CUDA_HOME: home } = process.env;
afterEach(() => {
  if (home === undefined) delete process.env.INATTENTION_CUDA_HOME;
  else process.env.INATTENTION_CUDA_HOME = home;
});

test('the binding that was set up is found, and computes', () => {
  const { binding, source, library } = loadBinding({ tf32: false });
  expect(source).toContain('tfjs-node-gpu 4.22.0');
  expect(library).not.toBe('');
  const before = binding.getNumOfTensors();
  const id = binding.createTensor([2], typeNumbers.float, Float32Array.of(0, 1));
  const [result] = binding.executeOp(
    'Exp',
    [{ name: 'T', type: binding.TF_ATTR_TYPE, value: typeNumbers.float }],
    [id],
    1,
  );
  expect(binding.tensorDataSync(result?.id ?? -1)[1]).toBeCloseTo(Math.E, 5);
  for (const tensor of [id, result?.id ?? -1]) binding.deleteTensor(tensor);
  expect(binding.getNumOfTensors()).toBe(before);
});

test('where there is none, every place that was looked at is named, and the command', () => {
  process.env.INATTENTION_CUDA_HOME = '/nowhere';
  const loading = () => loadBinding({ tf32: false });
  expect(loading).toThrow(BackendUnavailableError);
  for (const part of [
    'tfjs-node-gpu is not installed',
    'nothing is set up in /nowhere',
    'tfjs-node is not installed',
  ]) {
    expect(loading).toThrow(part);
  }
  expect(loading).toThrow(/To fix: npx inattention-cuda-setup/);
});

test('a worker thread has a binding of its own', async () => {
  const { addon } = installedBinding() as NonNullable<ReturnType<typeof installedBinding>>;
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    const binding = require(workerData);
    const id = binding.createTensor([3], 1, Float32Array.of(1, 2, 3));
    parentPort.postMessage([binding.getNumOfTensors(), ...binding.tensorDataSync(id)]);
  `;
  const { binding } = loadBinding({ tf32: false });
  const here = binding.createTensor([1], typeNumbers.float, Float32Array.of(0));
  const worker = new Worker(program, { eval: true, workerData: addon });
  const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  expect(answer).toEqual([1, 1, 2, 3]);
  await worker.terminate();
  binding.deleteTensor(here);
});
