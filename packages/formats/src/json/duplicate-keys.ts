/**
 * Finds a key that appears twice in an object of a JSON text. JSON.parse keeps the last of equal keys in silence, which
 * would let two readers see two different files. The text must be valid JSON: that makes one pass without a parser enough.
 */

/** The first key found twice within one object, at any depth; null when there is none. */
export function duplicateKey(text: string): string | null {
  const objects: (Set<string> | null)[] = []; // null: an array
  let expectsKey = false;
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i];
    if (character === '"') {
      const end = endOfString(text, i);
      if (expectsKey) {
        const key = JSON.parse(text.slice(i, end)) as string; // undoes escapes: "\u0061" is "a"
        const keys = objects.at(-1);
        if (keys?.has(key)) return key;
        keys?.add(key);
        expectsKey = false;
      }
      i = end - 1;
    } else if (character === '{') {
      objects.push(new Set());
      expectsKey = true;
    } else if (character === '[') {
      objects.push(null);
      expectsKey = false;
    } else if (character === '}' || character === ']') {
      objects.pop();
      expectsKey = false;
    } else if (character === ',') {
      expectsKey = objects.at(-1) instanceof Set;
    }
  }
  return null;
}

/** Index after the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}
