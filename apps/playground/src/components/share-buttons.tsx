/** The texts and settings as a link, or as a file where a link would be too long. */

import { useState } from 'react';
import type { Playground } from '../playground.ts';
import { saveFile } from '../save-file.ts';
import { longestLink, sharedHash, sharedState } from '../share.ts';
import { shippedModels } from '../shipped.ts';

export function ShareButtons({ playground }: { readonly playground: Playground }) {
  const [note, setNote] = useState('');
  const state = () =>
    sharedState(
      playground.store.get(),
      shippedModels.map(({ name }) => name),
    );
  const link = async () => {
    const hash = await sharedHash(state());
    if (hash.length > longestLink) {
      setNote('Too long for a link: save it as a file.');
      return;
    }
    history.replaceState(null, '', hash);
    const copied = await navigator.clipboard?.writeText(location.href).then(
      () => true,
      () => false,
    );
    setNote(copied ? 'Link copied.' : 'The link is in the address bar.');
  };
  const save = () => {
    saveFile('context.inattention.json', new Blob([JSON.stringify(state())], { type: 'application/json' }));
    setNote('Saved. Drop the file on this page to open it.');
  };
  return (
    <>
      <button type="button" onClick={() => void link()}>
        Share as a link
      </button>
      <button type="button" onClick={save}>
        Save as a file
      </button>
      <span role="status" className="note">
        {note}
      </span>
    </>
  );
}
