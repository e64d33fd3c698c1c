/** The playground's state in a component. */

import { useSyncExternalStore } from 'react';
import type { Playground } from './playground.ts';
import type { PlaygroundState } from './playground-state.ts';

export function usePlayground({ store }: Playground): PlaygroundState {
  return useSyncExternalStore(store.subscribe, store.get);
}
