/** What the context takes, in each way of keeping it, and what a self-attention model's KV cache would take. */

import { type ContextMode, contextModes, plan } from '@inattention/core/math';
import { useMemo } from 'react';
import { formatBytes, formatCount } from '../format.ts';
import type { Playground } from '../playground.ts';
import type { ContextModeChoice } from '../playground-state.ts';
import { usePlayground } from '../use-playground.ts';

const meaning: Readonly<Record<ContextMode, string>> = {
  kv: 'keys and values per token',
  tables: 'ids, and keys and values per distinct id',
  states: 'one state per token',
  ids: 'ids alone',
};

export function Meters({ playground }: { readonly playground: Playground }) {
  const { model, session, ids, distinct, mode } = usePlayground(playground);
  const { length } = ids;
  const planned = useMemo(
    () => (model === null ? null : plan(model.config, { tokens: length, distinct })),
    [model, length, distinct],
  );
  if (model === null || planned === null) return null;
  const self = planned.selfAttentionContextBytes;
  return (
    <section aria-labelledby="meters-title">
      <h2 id="meters-title">What the context takes</h2>
      <dl className="meters">
        <dt>Tokens</dt>
        <dd data-testid="tokens">{formatCount(length)}</dd>
        <dt>Distinct ids</dt>
        <dd>{formatCount(distinct)}</dd>
        <dt>KV cache of a self-attention model of this size</dt>
        <dd>{formatBytes(self)}</dd>
        <dt>Held now</dt>
        <dd>
          {session === null ? '–' : formatBytes(session.contextBytes)}
          {session !== null && session.tableBytes > 0 && ` + table ${formatBytes(session.tableBytes)}`}
        </dd>
      </dl>
      <fieldset className="modes">
        <legend>How the context is kept</legend>
        <ModeChoice
          playground={playground}
          mode="auto"
          chosen={mode}
          label={`auto (now ${session?.mode ?? planned.chosen ?? 'none'})`}
        />
        {contextModes.map((one) => {
          const row = planned.rows.find((candidate) => candidate.mode === one);
          const bytes =
            row === undefined
              ? ''
              : `${formatBytes(row.contextBytes)}${row.tableBytes > 0 ? ` + ${formatBytes(row.tableBytes)} table` : ''}`;
          return (
            <ModeChoice
              key={one}
              playground={playground}
              mode={one}
              chosen={mode}
              label={`${one}: ${meaning[one]}`}
              bytes={bytes}
            />
          );
        })}
      </fieldset>
      <p className="note">A table is shared by every context of a model and stops growing once the words are known.</p>
    </section>
  );
}

interface ModeChoiceProps {
  readonly playground: Playground;
  readonly mode: ContextModeChoice;
  readonly chosen: ContextModeChoice;
  readonly label: string;
  readonly bytes?: string;
}

function ModeChoice({ playground, mode, chosen, label, bytes }: ModeChoiceProps) {
  return (
    <label>
      <input
        type="radio"
        name="mode"
        value={mode}
        checked={mode === chosen}
        onChange={() => void playground.setMode(mode)}
      />
      <span>{label}</span>
      {bytes !== undefined && <span className="bytes">{bytes}</span>}
    </label>
  );
}
