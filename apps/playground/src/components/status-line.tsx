/** What is going on, how far it is, how to stop it, and what went wrong. */

import type { Playground } from '../playground.ts';
import { usePlayground } from '../use-playground.ts';
import { FailureNote } from './failure-note.tsx';

export function StatusLine({ playground }: { readonly playground: Playground }) {
  const { busy, failure, notice } = usePlayground(playground);
  return (
    <div className="status">
      <p role="status" aria-live="polite" data-testid="status">
        {busy === null ? 'Ready.' : `${capital(busy.what)}…`}
      </p>
      {busy !== null && busy.share !== null && <progress value={busy.share} aria-label={busy.what} />}
      <button type="button" disabled={busy === null} onClick={() => playground.stop()}>
        Stop
      </button>
      {notice !== null && (
        <p role="status" className="notice" data-testid="notice">
          {notice}{' '}
          <button type="button" onClick={() => playground.dismissFailure()}>
            OK
          </button>
        </p>
      )}
      <FailureNote failure={failure} onDismiss={() => playground.dismissFailure()} />
    </div>
  );
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
