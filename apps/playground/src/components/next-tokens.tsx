/** The most probable next tokens, and what the last change of the context took. */

import { formatCount, formatFlops, formatShare, formatTime, showToken } from '../format.ts';
import type { Playground } from '../playground.ts';
import { selfAttentionFlops } from '../self-attention-work.ts';
import { usePlayground } from '../use-playground.ts';

export function NextTokens({ playground }: { readonly playground: Playground }) {
  const { next, change, model } = usePlayground(playground);
  return (
    <section aria-labelledby="next-title">
      <h2 id="next-title">Next token</h2>
      {next.length === 0 ? (
        <p className="note">Nothing to foresee yet: the context is empty.</p>
      ) : (
        <ol className="next" data-testid="next">
          {next.map(({ text, probability }, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: tokens have no other identity here than their rank
            <li key={place}>
              <code>{showToken(text)}</code>
              <meter value={probability} aria-label={`Probability of ${showToken(text)}`} />
              <span>{formatShare(probability)}</span>
            </li>
          ))}
        </ol>
      )}
      {change !== null && model !== null && (
        <p className="note" data-testid="change">
          Last change, at token {formatCount(change.position)} of {formatCount(change.length)}:{' '}
          {formatCount(change.removed)} out, {formatCount(change.added)} in. Taken in after{' '}
          {formatTime(change.changeMs)}, next token known {formatTime(change.stepMs)} later (tokenizing{' '}
          {formatTime(change.tokenizeMs)}). A self-attention model of this size would run{' '}
          {formatCount(change.length - change.position)} tokens through all layers again:{' '}
          {formatFlops(selfAttentionFlops(model.config, change.position, change.length))}.
        </p>
      )}
    </section>
  );
}
