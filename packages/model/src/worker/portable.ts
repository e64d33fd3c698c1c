/** Content on its way to a worker. */

import type { Content } from '../session.ts';

/** Content as it can cross: text, or an Int32Array (whose values the worker checks). */
export function portable(content: Content): string | Int32Array {
  return typeof content === 'string' ? content : checkedCopy(content);
}

/** Fractional or huge ids must not become other ids on their way: they are sent as −1, which no vocabulary has. */
function checkedCopy(ids: Int32Array | readonly number[]): Int32Array {
  return Int32Array.from(ids, (id) => (id === (id | 0) ? id : -1));
}
