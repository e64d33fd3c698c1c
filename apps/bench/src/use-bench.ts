/** The page's state in a component. */

import { useSyncExternalStore } from 'react';
import type { BenchPage } from './bench-page.ts';
import type { BenchState } from './bench-state.ts';

export function useBench({ store }: BenchPage): BenchState {
  return useSyncExternalStore(store.subscribe, store.get);
}
