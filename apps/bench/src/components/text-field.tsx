/** Which text: the page's own, or a file of the user's. */

import { useState } from 'react';
import type { TextChoice } from '../jobs.ts';

export function useText(): readonly [TextChoice, (text: TextChoice) => void] {
  return useState<TextChoice>({ kind: 'unseen' });
}

export function TextField({
  text,
  onChange,
}: {
  readonly text: TextChoice;
  readonly onChange: (text: TextChoice) => void;
}) {
  return (
    <div className="fields">
      <p className="field">
        Text: {text.kind === 'unseen' ? 'the end of Moby-Dick, which no shipped model was trained on' : text.file.name}
      </p>
      <label className="field">
        or a text file
        <input
          type="file"
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file !== undefined) onChange({ kind: 'file', file });
          }}
        />
      </label>
    </div>
  );
}
