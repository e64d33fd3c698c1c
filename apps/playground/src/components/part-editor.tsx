/** One text of the context. Its field keeps its own text: a page of a million characters is not rendered at each key. */

import { useEffect, useRef, useState } from 'react';
import { formatCount } from '../format.ts';
import type { Playground } from '../playground.ts';
import type { Part } from '../playground-state.ts';

/** Longer texts are shown by their beginning: a text field does not bear them. */
const editableCharacters = 2_000_000;
const shownCharacters = 2000;

/** In longer texts a continuation is written below the field until it is finished: the field lays out all of its text anew. */
const growingCharacters = 20_000;

/** Typing is taken in when it pauses for so long, in milliseconds. */
const pause = 120;

interface PartEditorProps {
  readonly playground: Playground;
  readonly part: Part;
  readonly place: number;
  readonly count: number;
  /** While the text is being continued. */
  readonly growing: boolean;
}

export function PartEditor({ playground, part, place, count, growing }: PartEditorProps) {
  const { key, name, text, ids, revision } = part;
  const field = useRef<HTMLTextAreaElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const editable = text.length <= editableCharacters;
  const [beginning, setBeginning] = useState<number | null>(null);
  const below = growing && beginning !== null && beginning > growingCharacters ? beginning : null;
  useEffect(() => setBeginning(growing ? (field.current?.value.length ?? null) : null), [growing]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the field follows changes from elsewhere alone
  useEffect(() => {
    const element = field.current;
    if (element === null || below !== null || element.value === text) return;
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
    element.value = text;
    if (atEnd) element.scrollTop = element.scrollHeight;
  }, [revision, below]);
  const takeIn = () => {
    clearTimeout(timer.current);
    timer.current = undefined;
    void playground.editPart(key, field.current?.value ?? '');
  };
  const edit = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(takeIn, pause);
  };
  // Whoever leaves the field to press a button means what is in the field.
  const leave = () => {
    if (timer.current !== undefined) takeIn();
  };
  const label = `${name}, text ${place + 1} of ${count}`;
  return (
    <article className="part" aria-label={label}>
      <div className="row spread">
        <input
          className="name"
          value={name}
          aria-label={`Name of text ${place + 1}`}
          onChange={(event) => playground.renamePart(key, event.target.value)}
        />
        <span className="note">{ids === null ? '…' : `${formatCount(ids.length)} tokens`}</span>
        <span className="row">
          <button
            type="button"
            className="plain"
            disabled={place === 0}
            aria-label={`Move ${name} up`}
            onClick={() => void playground.movePart(key, -1)}
          >
            ↑
          </button>
          <button
            type="button"
            className="plain"
            disabled={place === count - 1}
            aria-label={`Move ${name} down`}
            onClick={() => void playground.movePart(key, 1)}
          >
            ↓
          </button>
          <button
            type="button"
            className="plain"
            disabled={count === 1}
            aria-label={`Remove ${name}`}
            onClick={() => void playground.removePart(key)}
          >
            ✕
          </button>
        </span>
      </div>
      {editable ? (
        <textarea
          ref={field}
          defaultValue={text}
          aria-label={label}
          rows={place === count - 1 ? 9 : 5}
          spellCheck={false}
          onChange={edit}
          onBlur={leave}
        />
      ) : (
        <p className="excerpt">
          {formatCount(text.length)} characters, too many for a text field. It begins: {text.slice(0, shownCharacters)}…
        </p>
      )}
      {below !== null && <p className="continuation growing">… {text.slice(below)}</p>}
    </article>
  );
}
