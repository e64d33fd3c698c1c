/** The context as a list of texts, each of which can be changed, moved and taken out. */

import { useState } from 'react';
import { formatCount } from '../format.ts';
import type { Playground } from '../playground.ts';
import { usePlayground } from '../use-playground.ts';
import { PartEditor } from './part-editor.tsx';
import { ShareButtons } from './share-buttons.tsx';

export function ContextParts({ playground }: { readonly playground: Playground }) {
  const { parts, ids, generating } = usePlayground(playground);
  const [count, setCount] = useState(1);
  const add = () => {
    void playground.addPart(`Text ${count + 1}`, '');
    setCount(count + 1);
  };
  return (
    <section aria-labelledby="context-title">
      <div className="row spread">
        <h2 id="context-title">Context</h2>
        <span className="note" data-testid="length">
          {formatCount(ids.length)} tokens
        </span>
      </div>
      <p className="note">Paste or type; drop files anywhere. The last text is the one that is continued.</p>
      {parts.map((part, place) => (
        <PartEditor
          key={part.key}
          growing={generating && place === parts.length - 1}
          {...{ playground, part, place }}
          count={parts.length}
        />
      ))}
      <div className="row">
        <button type="button" onClick={add}>
          Add a text before the last
        </button>
        <ShareButtons playground={playground} />
      </div>
    </section>
  );
}
