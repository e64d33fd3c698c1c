/** Forks several things or none: those already forked are disposed of when a later one fails. */

interface Forkable {
  fork(): Forkable;
  dispose(): void;
}

export function forkAll<T extends Forkable>(sources: readonly T[]): T[] {
  const forks: T[] = [];
  try {
    for (const source of sources) forks.push(source.fork() as T);
  } catch (error) {
    for (const fork of forks) fork.dispose();
    throw error;
  }
  return forks;
}
