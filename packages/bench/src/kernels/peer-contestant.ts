/** A peer's kernel as a contestant. */

import type { Contestant } from './contestant.ts';
import type { Peer, PeerKernel } from './peer.ts';

export function peerContestant(
  peer: Peer,
  kernel: PeerKernel,
  facts: Pick<Contestant, 'name' | 'work' | 'unit' | 'note'>,
): Contestant {
  return {
    ...facts,
    kind: 'peer',
    family: peer.name,
    run: () => kernel.run(),
    result: async () => kernel.result(),
    dispose: () => kernel.dispose(),
  };
}
