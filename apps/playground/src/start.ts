/** What the page does by itself: opens the shipped model on the text of a shared link or on one of its own, and goes on. */

import type { Playground } from './playground.ts';
import { readShared, type Shared } from './share.ts';
import { shippedModels } from './shipped.ts';

const greeting = 'Fellow-citizens of the Senate and of the House of Representatives: The people of this country';

/** `?model=` names another shipped model to begin with, or `none`. */
export async function start(playground: Playground, { hash, search }: Location): Promise<void> {
  let damage: unknown = null;
  const shared = await readShared(hash).catch((error: unknown) => {
    damage = error;
    return null;
  });
  if (shared !== null) await takeShared(playground, shared);
  else await playground.setParts([{ name: 'Text', text: greeting }]);
  const asked = new URLSearchParams(search).get('model') ?? shared?.model;
  const chosen = asked === 'none' ? undefined : (shippedModels.find(({ name }) => name === asked) ?? shippedModels[0]);
  if (chosen !== undefined) await playground.openModel(chosen.name, chosen.location);
  if (damage !== null) playground.fail(damage);
  else if (shared === null && playground.store.get().model !== null) await playground.generate();
}

/** Puts what was shared on the page; its model is the caller's to open. */
export async function takeShared(playground: Playground, shared: Shared): Promise<void> {
  playground.setSampling(shared.sampling);
  await playground.setMode(shared.mode);
  await playground.setParts(shared.parts);
}
