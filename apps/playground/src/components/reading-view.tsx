/**
 * Which tokens the next token reads, as heat over the text itself. In these models weights point at tokens in every
 * layer, not at what earlier layers made of them.
 */

import { useEffect, useState } from 'react';
import { formatCount, formatShare, showToken } from '../format.ts';
import { heatLevel, strongestPositions } from '../heat.ts';
import type { Playground } from '../playground.ts';
import { usePlayground } from '../use-playground.ts';
import { HeatStrip } from './heat-strip.tsx';

/** Tokens of text that are shown at a time: from a passage to a page. */
const spans = [100, 400, 1600] as const;

export function ReadingView({ playground }: { readonly playground: Playground }) {
  const { model, ids, generating } = usePlayground(playground);
  const [open, setOpen] = useState(false);
  const [layer, setLayer] = useState<number | null>(null);
  const [head, setHead] = useState<number | null>(null);
  const [span, setSpan] = useState<number>(spans[1]);
  const [start, setStart] = useState(0);
  const [weights, setWeights] = useState<Float32Array | null>(null);
  const [texts, setTexts] = useState<readonly string[]>([]);
  const [hovered, setHovered] = useState<number | null>(null);
  const { length } = ids;

  useEffect(() => {
    if (!open || generating || model === null || length === 0) return;
    let current = true;
    const heads = model.config.numAttentionHeads;
    const chosenHead = head !== null && head < heads ? head : null;
    const chosenLayer = layer !== null && layer < model.config.numHiddenLayers ? layer : null;
    playground.attention(chosenLayer, chosenHead).then(
      (found) => {
        if (!current || found === null || found.length !== ids.length) return;
        setWeights(found);
        const [strongest = 0] = strongestPositions(found, 1);
        setStart(Math.max(0, Math.min(strongest - Math.round(span / 2), found.length - span)));
      },
      (error: unknown) => playground.fail(error),
    );
    return () => {
      current = false;
    };
  }, [playground, open, generating, model, ids, length, layer, head, span]);

  const end = Math.min(start + span, length);
  useEffect(() => {
    if (!open) return;
    let current = true;
    playground.textsOf(ids.slice(start, end)).then(
      (found) => current && setTexts(found),
      (error: unknown) => playground.fail(error),
    );
    return () => {
      current = false;
    };
  }, [playground, open, ids, start, end]);

  if (model === null) return null;
  const { numHiddenLayers, numAttentionHeads } = model.config;
  const shown = weights?.subarray(start, end) ?? new Float32Array(0);
  const strongest = weights === null ? 0 : (weights[strongestPositions(weights, 1)[0] ?? 0] as number);
  const choose = (position: number) => setStart(Math.max(0, Math.min(position - Math.round(span / 2), length - span)));
  return (
    <details className="card wide" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h2>What the next token reads</h2>
      </summary>
      <div className="row">
        <NumberChoice label="Layer" count={numHiddenLayers} value={layer} onChange={setLayer} />
        <NumberChoice label="Head" count={numAttentionHeads} value={head} onChange={setHead} />
        <label>
          Text shown
          <select value={span} onChange={({ target }) => setSpan(Number(target.value))}>
            {spans.map((tokens) => (
              <option key={tokens} value={tokens}>
                {formatCount(tokens)} tokens
              </option>
            ))}
          </select>
        </label>
      </div>
      {weights === null || weights.length !== length ? (
        <p className="note">
          {length === 0 ? 'The context is empty.' : generating ? 'Shown when the text is finished.' : 'Computing…'}
        </p>
      ) : (
        <>
          <HeatStrip weights={weights} start={start} shown={Math.min(span, length)} onChoose={choose} />
          <p className="note" data-testid="hovered">
            {hovered === null
              ? `Tokens ${formatCount(start)} to ${formatCount(end)} of ${formatCount(length)}; together they get ${formatShare(shown.reduce((sum, weight) => sum + weight, 0))} of the attention.`
              : `Token ${formatCount(hovered)}, ${showToken(texts[hovered - start] ?? '')}: ${(100 * (weights[hovered] ?? 0)).toFixed(4)} %`}
          </p>
          <p
            className="heat-text"
            data-testid="heat"
            onPointerOver={({ target }) => {
              const at = target instanceof HTMLElement ? target.dataset.at : undefined;
              setHovered(at === undefined ? null : Number(at));
            }}
            onPointerLeave={() => setHovered(null)}
          >
            {texts.slice(0, end - start).map((text, at) => {
              const weight = shown[at] ?? 0;
              return (
                <span
                  // biome-ignore lint/suspicious/noArrayIndexKey: a token's identity is its position
                  key={start + at}
                  data-at={start + at}
                  title={`${(100 * weight).toFixed(4)} %`}
                  style={{
                    backgroundColor: `color-mix(in srgb, var(--heat) ${Math.round(100 * heatLevel(weight, strongest))}%, var(--card))`,
                  }}
                >
                  {text}
                </span>
              );
            })}
          </p>
        </>
      )}
    </details>
  );
}

interface NumberChoiceProps {
  readonly label: string;
  readonly count: number;
  readonly value: number | null;
  readonly onChange: (value: number | null) => void;
}

function NumberChoice({ label, count, value, onChange }: NumberChoiceProps) {
  return (
    <label>
      {label}
      <select
        value={value ?? ''}
        onChange={({ target }) => onChange(target.value === '' ? null : Number(target.value))}
      >
        <option value="">all (mean)</option>
        {Array.from({ length: count }, (_, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: numbers are the identity
          <option key={at} value={at}>
            {at + 1}
          </option>
        ))}
      </select>
    </label>
  );
}
