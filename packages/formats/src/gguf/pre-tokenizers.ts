/**
 * How a text is cut before byte pairs are merged: the pre-tokenizer names of GGUF files as the parts of tokenizer.json
 * that Hugging Face's own files of these models have. Names of one entry cut alike.
 */

import { isRecord } from '../json/describe.ts';

interface PreTokenizer {
  readonly normalizer: Readonly<Record<string, unknown>> | null;
  readonly preTokenizer: Readonly<Record<string, unknown>>;
  /** Whether a piece that is a token as a whole is taken so, whatever its merges say (Llama 3). */
  readonly ignoreMerges: boolean;
}

const byteLevel = (useRegex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});
const digits = { type: 'Digits', individual_digits: true };
const sequence = (...pretokenizers: object[]) => ({ type: 'Sequence', pretokenizers });

/** Cuts by a regular expression whose matches are the pieces. */
const cutBy = (pattern: string) =>
  sequence({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }, byteLevel(false));

const llama3Pattern = (numbers: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const tekkenPattern = `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const plain = (preTokenizer: PreTokenizer['preTokenizer']): PreTokenizer => ({
  normalizer: null,
  preTokenizer,
  ignoreMerges: false,
});

const table: readonly (readonly [names: readonly string[], how: PreTokenizer])[] = [
  [['gpt-2', 'phi-2'], plain(byteLevel(true))],
  [['smollm', 'starcoder', 'refact', 'command-r'], plain(sequence(digits, byteLevel(true)))],
  [['llama-bpe', 'llama3', 'llama-v3'], { ...plain(cutBy(llama3Pattern('\\p{N}{1,3}'))), ignoreMerges: true }],
  [['qwen2', 'deepseek-r1-qwen'], { ...plain(cutBy(llama3Pattern('\\p{N}'))), normalizer: { type: 'NFC' } }],
  [['tekken'], { ...plain(cutBy(tekkenPattern)), ignoreMerges: true }],
];

const byName: ReadonlyMap<string, PreTokenizer> = new Map(
  table.flatMap(([names, how]) => names.map((name): [string, PreTokenizer] => [name, how])),
);

/** Names that are known. */
export const preTokenizerNames: readonly string[] = [...byName.keys()];

/** How a name cuts; undefined for one that is not known. */
export function preTokenizerNamed(name: string): PreTokenizer | undefined {
  return byName.get(name);
}

/** The name under which these parts of a tokenizer.json are known; undefined when they are not. */
export function preTokenizerName(normalizer: unknown, preTokenizer: unknown): string | undefined {
  const wanted = canonical([normalizer ?? null, preTokenizer ?? null]);
  return preTokenizerNames.find((name) => {
    const known = byName.get(name);
    return canonical([known?.normalizer, known?.preTokenizer]) === wanted;
  });
}

/** JSON with keys in order, without what changes no piece; one step alone is a sequence of one. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (key, part: unknown) => {
    if (key === 'trim_offsets') return undefined;
    if (!isRecord(part)) return part;
    const steps = part.type === 'Sequence' ? (part.pretokenizers ?? part.normalizers) : undefined;
    if (Array.isArray(steps) && steps.length === 1) return steps[0];
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
