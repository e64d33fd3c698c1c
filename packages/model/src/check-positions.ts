/** Positions that a caller asks about. */

import { InvalidArgumentError } from '@inattention/core';

/** Throws unless each is a whole number below `length`, the ids in the context. */
export function checkPositions(positions: readonly number[], length: number): void {
  const wrong = positions.find((position) => !(Number.isInteger(position) && position >= 0 && position < length));
  if (wrong === undefined) return;
  throw new InvalidArgumentError({
    what: length === 0 ? 'The context is empty.' : 'A position is outside the context.',
    got: String(wrong),
    expected: length === 0 ? 'at least one id' : `a whole number from 0 to ${length - 1}`,
    ...(length === 0 && { fix: 'append a prompt first' }),
  });
}
