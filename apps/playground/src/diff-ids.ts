/** What of one list of ids has to be replaced to get another: everything between their common beginning and end. */

export interface IdChange {
  /** Where the replaced ids begin. */
  readonly position: number;
  /** How many ids go. */
  readonly removed: number;
  /** The ids that come in their place. */
  readonly added: Int32Array;
}

/** null when the lists are equal. */
export function diffIds(from: Int32Array, to: Int32Array): IdChange | null {
  const shorter = Math.min(from.length, to.length);
  let start = 0;
  while (start < shorter && from[start] === to[start]) start += 1;
  if (start === from.length && start === to.length) return null;
  let end = 0;
  while (end < shorter - start && from[from.length - 1 - end] === to[to.length - 1 - end]) end += 1;
  return { position: start, removed: from.length - end - start, added: to.slice(start, to.length - end) };
}

/** Lists one after another. */
export function joinIds(lists: readonly Int32Array[]): Int32Array {
  const joined = new Int32Array(lists.reduce((length, list) => length + list.length, 0));
  let place = 0;
  for (const list of lists) {
    joined.set(list, place);
    place += list.length;
  }
  return joined;
}
