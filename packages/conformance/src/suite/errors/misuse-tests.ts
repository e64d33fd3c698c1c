/** Arguments that do not fit, tensors of another backend, and anything used after it was disposed of. */

import { EagerOperations, type ErrorCode, IndexTensor, Tensor } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { expectFailure, expectSame } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { smallConfigs, smallModel } from '../small-models.ts';

export function misuseTests(group: Group): void {
  group.describe('misused', () => {
    group.test('shapes, dtypes and ranges that do not fit', (trial) => checkArguments(trial));
    group.test('tensors of another backend', (trial) => foreignTensors(trial));
    group.test('tensors and buffers disposed of', (trial) => disposedTensors(trial));
    group.test('sessions and models disposed of', (trial) => disposedModels(trial));
    group.test('a backend disposed of', (trial) => disposedBackend(trial));
  });
}

async function checkArguments({ backend }: Trial): Promise<void> {
  const operations = new EagerOperations(backend);
  using a = operations.upload(new Float32Array(6), [2, 3]);
  using b = operations.upload(new Float32Array(8), [2, 4]);
  using halves = operations.upload(new Uint16Array(6), [2, 3]);
  using ids = operations.index([0, 5]);
  const refused: readonly (readonly [what: string, code: ErrorCode, work: () => unknown])[] = [
    ['adding shapes that do not fit', 'SHAPE_MISMATCH', () => operations.add(a, b)],
    ['a product of matrices that do not fit', 'SHAPE_MISMATCH', () => operations.matmul(a, b)],
    ['arithmetic on f16', 'DTYPE_MISMATCH', () => operations.exp(halves)],
    ['a row that is not there', 'INVALID_ARGUMENT', () => operations.embed(a, ids)],
    ['a reduction over no axis', 'INVALID_ARGUMENT', () => operations.sum(a, 2)],
    ['axes that are no order', 'INVALID_ARGUMENT', () => operations.permute(a, [0, 0])],
    ['data that does not fill its shape', 'SHAPE_MISMATCH', () => operations.upload(new Float32Array(5), [2, 3])],
  ];
  const before = backend.ledger.snapshot().liveTotal;
  for (const [what, code, work] of refused) await expectFailure(work, code, what);
  expectSame(backend.ledger.snapshot().liveTotal, before, 'bytes after refusals');
}

async function disposedTensors({ backend }: Trial): Promise<void> {
  const operations = new EagerOperations(backend);
  const tensor = operations.upload(new Float32Array(4), [4]);
  const index = new IndexTensor(backend, [1]);
  tensor.dispose();
  tensor.dispose(); // twice is harmless
  index.dispose();
  await expectFailure(() => operations.exp(tensor), 'DISPOSED', 'an operation on a tensor disposed of');
  await expectFailure(() => tensor.read(), 'DISPOSED', 'reading a tensor disposed of');
  const buffer = backend.allocate(16, 'scratch');
  backend.free(buffer);
  await expectFailure(async () => backend.read(buffer, 0, 16), 'DISPOSED', 'reading memory given back');
}

async function disposedModels({ backend }: Trial): Promise<void> {
  const model = smallModel(backend, smallConfigs['rope, w = 3'] as ModelConfig);
  const session = model.createSession({ context: 'tables' });
  await session.append([1, 2, 3]);
  session.dispose();
  session.dispose();
  for (const work of [
    () => session.append([1]),
    () => session.nextLogits(),
    () => session.fork(),
    () => session.save(),
  ]) {
    await expectFailure(work, 'DISPOSED', 'a session disposed of');
  }
  const open = model.createSession({ context: 'kv' });
  await open.append([1]);
  model.dispose();
  await expectFailure(() => open.append([1]), 'DISPOSED', 'a session of a model disposed of');
  await expectFailure(() => model.createSession(), 'DISPOSED', 'a model disposed of');
}

/** By core's operations, and by the backend itself where something is handed to it directly. */
async function foreignTensors({ backend, createBackend }: Trial): Promise<void> {
  using other = await createBackend();
  const operations = new EagerOperations(backend);
  using own = operations.upload(new Float32Array(4), [4]);
  using foreign = Tensor.from(other, new Float32Array(4), [4], 'scratch');
  await expectFailure(() => operations.add(own, foreign), 'INVALID_ARGUMENT', 'adding a tensor of another backend');
  await expectFailure(() => operations.exp(foreign), 'INVALID_ARGUMENT', 'an operation on a tensor of another backend');
  const { buffer } = foreign;
  const { exp } = backend.primitives;
  const direct: readonly (readonly [what: string, work: () => unknown])[] = [
    ['a kernel', () => exp({ input: foreign, out: own })],
    ['a kernel, as its result', () => exp({ input: own, out: foreign })],
    ['read', async () => backend.read(buffer, 0, 16)],
    ['write', () => backend.write(buffer, 0, new Float32Array(4))],
    ['free', () => backend.free(buffer)],
  ];
  for (const [what, work] of direct)
    await expectFailure(work, 'INVALID_ARGUMENT', `${what}: a buffer of another backend`);
  expectSame(await foreign.readFloat32(), new Float32Array(4), 'the other backend’s tensor');
}

async function disposedBackend({ createBackend }: Trial): Promise<void> {
  const backend = await createBackend();
  const operations = new EagerOperations(backend);
  const tensor = operations.upload(new Float32Array(4), [4]);
  const { buffer } = tensor;
  backend.dispose();
  backend.dispose(); // twice is harmless
  const works: readonly (readonly [what: string, work: () => unknown])[] = [
    ['allocate', () => backend.allocate(16, 'scratch')],
    ['write', () => backend.write(buffer, 0, new Float32Array(4))],
    ['read', async () => backend.read(buffer, 0, 16)],
    ['reserve', async () => backend.reserve(16)],
    ['sync', async () => backend.sync()],
    ['trim', () => backend.trim()],
    ['a kernel', () => operations.exp(tensor)],
  ];
  for (const [what, work] of works) await expectFailure(work, 'DISPOSED', `${what} of a backend disposed of`);
  tensor.dispose(); // owners may come later than their backend
}
