/** What may happen to sessions of one model, and sequences of it at random. */

import { type ContextDType, type ContextMode, contextModes } from '@inattention/core/math';
import fc from 'fast-check';

/** More than a page of a table, so that tables with a budget of one are full at times. */
export const vocabularySize = 700;

/** Ids by the seed they are drawn with, below `bound`. */
export interface DrawnIds {
  readonly count: number;
  readonly bound: number;
  readonly seed: number;
}

/** Ways in which work ends before its time; `positions` are those of a long list of logits. */
const midways = ['append', 'prefill', 'positions'] as const;

const refusals = ['ids', 'range', 'budget', 'file', 'twice', 'length'] as const;

/** One thing done; `which` session is by remainder, places are in thousandths of its length. */
export type LedgerAction =
  | { readonly kind: 'append'; readonly which: number; readonly ids: DrawnIds }
  | {
      readonly kind: 'edit';
      readonly which: number;
      readonly at: number;
      readonly count: number;
      readonly ids: DrawnIds;
    }
  /** `together`: one pass over all sessions. `weights`: the model gets others, which sessions notice when next used. */
  | { readonly kind: 'decode' | 'together' | 'fork' | 'dispose' | 'weights'; readonly which: number }
  | {
      readonly kind: 'create';
      readonly which: number;
      readonly mode: ContextMode;
      readonly dtype: ContextDType;
      readonly limited: boolean;
    }
  | { readonly kind: 'restore'; readonly which: number; readonly mode: ContextMode }
  /** Cancelled before it begins. */
  | { readonly kind: 'cancel'; readonly which: number; readonly what: 'append' | 'logits' | 'restore' }
  /** Cancelled half way, or the session disposed of. */
  | {
      readonly kind: 'interrupt' | 'depart';
      readonly which: number;
      readonly what: (typeof midways)[number];
      readonly seed: number;
    }
  | { readonly kind: 'refuse'; readonly which: number; readonly why: (typeof refusals)[number] };

/** Up to 120 actions: mostly edits and decoding, in sizes small and beyond a page. */
export function actionSequences(dtypes: readonly ContextDType[]): fc.Arbitrary<LedgerAction[]> {
  const which = fc.nat(999);
  const at = fc.nat(1000);
  const ids = fc.record({
    count: fc.oneof({ weight: 2, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.nat(400) }),
    bound: fc.constantFrom(20, vocabularySize),
    seed: fc.nat(9999),
  });
  const count = fc.oneof(fc.nat(5), fc.nat(400));
  const mode = fc.constantFrom(...contextModes);
  const dtype = fc.constantFrom(...dtypes);
  const cancelled = fc.constantFrom('append' as const, 'logits' as const, 'restore' as const);
  const midway = { what: fc.constantFrom(...midways), seed: fc.nat(9999) };
  const kind = <Kind extends string>(name: Kind) => fc.constant(name);
  const weighted = <Action>(weight: number, arbitrary: fc.Arbitrary<Action>) => ({ weight, arbitrary });
  return fc.array(
    fc.oneof(
      weighted(8, fc.record({ kind: kind('append'), which, ids })),
      weighted(8, fc.record({ kind: kind('edit'), which, at, count, ids })),
      weighted(4, fc.record({ kind: kind('decode'), which })),
      weighted(2, fc.record({ kind: kind('together'), which })),
      weighted(3, fc.record({ kind: kind('fork'), which })),
      weighted(3, fc.record({ kind: kind('create'), which, mode, dtype, limited: fc.boolean() })),
      weighted(2, fc.record({ kind: kind('dispose'), which })),
      weighted(2, fc.record({ kind: kind('restore'), which, mode })),
      weighted(1, fc.record({ kind: kind('weights'), which })),
      weighted(2, fc.record({ kind: kind('cancel'), which, what: cancelled })),
      weighted(2, fc.record({ kind: kind('interrupt'), which, ...midway })),
      weighted(1, fc.record({ kind: kind('depart'), which, ...midway })),
      weighted(3, fc.record({ kind: kind('refuse'), which, why: fc.constantFrom(...refusals) })),
    ),
    { minLength: 1, maxLength: 120, size: 'max' },
  );
}
