/** Checkpoints in memory. */

import type { CheckpointStore, SavedTraining } from '../src/trainer/saved-training.ts';

/** A run in memory: its tensors are copied when it is kept. */
async function copyOf(saved: SavedTraining): Promise<SavedTraining> {
  const copy = async (tensors: SavedTraining['weights']) => {
    const copies: SavedTraining['weights'] extends ReadonlyMap<string, infer T> ? [string, T][] : never = [];
    for (const [name, { shape, read }] of tensors) {
      const data = Float32Array.from(await read());
      copies.push([name, { shape, read: async () => data }]);
    }
    return new Map(copies);
  };
  const [weights, firstMoments, secondMoments] = [
    await copy(saved.weights),
    await copy(saved.firstMoments),
    await copy(saved.secondMoments),
  ];
  return { ...saved, weights, firstMoments, secondMoments };
}

/** Keeps runs in memory. */
export function memoryStore(): CheckpointStore & { readonly runs: SavedTraining[] } {
  const runs: SavedTraining[] = [];
  return {
    runs,
    async save(saved) {
      runs.push(await copyOf(saved));
      return `step ${saved.progress.step}`;
    },
  };
}
