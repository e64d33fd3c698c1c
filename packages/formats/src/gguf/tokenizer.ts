/**
 * The tokenizer of a GGUF file's metadata as the tokenizer.json that Hugging Face's files of the same model have: `gpt2`
 * (byte pairs with merges and a named pre-tokenizer) and `llama` (SentencePiece: merges follow from the pieces' scores).
 */

import { InvalidFileError, UnsupportedError } from '@inattention/core';
import { quote } from '../json/describe.ts';
import type { MetadataReader } from './metadata-reader.ts';
import { preTokenizerNamed, preTokenizerNames } from './pre-tokenizers.ts';

/** Kinds of tokens in `tokenizer.ggml.token_type`. */
const tokenKind = { normal: 1, control: 3, userDefined: 4 } as const;

/**
 * Longest piece that merges are sought for, in UTF-16 units: SentencePiece's own are 16 characters unless told otherwise. All
 * splits of a longer one would take time by the square of its length.
 */
const longestPiece = 512;

interface Vocabulary {
  readonly tokens: readonly string[];
  /** One per token. */
  readonly kinds: readonly number[];
}

/**
 * The tokenizer.json; null when the file has no tokenizer. Throws UnsupportedError for kinds and pre-tokenizers that are
 * not known, InvalidFileError and InvalidConfigError for lists that do not fit each other.
 */
export function tokenizerJsonOfGguf(metadata: MetadataReader): Record<string, unknown> | null {
  if (!metadata.has('tokenizer.ggml.model')) return null;
  const model = metadata.text('tokenizer.ggml.model');
  if (model === 'no_vocab' || model === 'none') return null;
  if (model !== 'gpt2' && model !== 'llama') {
    throw new UnsupportedError({
      what: `${metadata.file} has a tokenizer of a kind that is not supported.`,
      got: quote(model),
      expected: '"gpt2" or "llama"',
    });
  }
  const vocabulary = readVocabulary(metadata);
  const added = vocabulary.tokens.flatMap((content, id) => {
    const kind = vocabulary.kinds[id];
    if ((kind !== tokenKind.control && kind !== tokenKind.userDefined) || content === '') return [];
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, ...flags, special: kind === tokenKind.control }];
  });
  const parts = model === 'gpt2' ? bytePairs(metadata, vocabulary) : sentencePieces(metadata, vocabulary);
  return { version: '1.0', truncation: null, padding: null, added_tokens: added, ...parts };
}

/** The metadata that chats need, as Hugging Face's tokenizer_config.json has it. */
export function tokenizerConfigOfGguf(metadata: MetadataReader): Record<string, unknown> {
  const tokens = metadata.has('tokenizer.ggml.tokens') ? metadata.texts('tokenizer.ggml.tokens') : [];
  const named = (name: string, key: string) => {
    const id = metadata.optionalCount(`tokenizer.ggml.${key}`);
    const token = id === undefined ? undefined : tokens[id];
    return token === undefined ? {} : { [name]: token };
  };
  const hasTemplate = metadata.has('tokenizer.chat_template');
  const spm = metadata.get('tokenizer.ggml.model') === 'llama';
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_bos_token: metadata.flag('tokenizer.ggml.add_bos_token', spm),
    ...named('bos_token', 'bos_token_id'),
    ...named('eos_token', 'eos_token_id'),
    ...named('unk_token', 'unknown_token_id'),
    ...named('pad_token', 'padding_token_id'),
    ...(hasTemplate && { chat_template: metadata.text('tokenizer.chat_template') }),
  };
}

function readVocabulary(metadata: MetadataReader): Vocabulary {
  const tokens = metadata.texts('tokenizer.ggml.tokens');
  const typesKey = 'tokenizer.ggml.token_type';
  const kinds = metadata.has(typesKey) ? metadata.numbers(typesKey) : tokens.map(() => tokenKind.normal);
  if (kinds.length !== tokens.length) mismatch(metadata, typesKey, kinds.length, tokens.length);
  const seen = new Set<string>();
  for (const token of tokens) {
    if (seen.has(token)) {
      throw new InvalidFileError({ what: `${metadata.file}: two tokens are the same.`, got: quote(token) });
    }
    seen.add(token);
  }
  return { tokens, kinds };
}

function bytePairs(metadata: MetadataReader, { tokens }: Vocabulary): Record<string, unknown> {
  const name = metadata.text('tokenizer.ggml.pre', 'default');
  const how = preTokenizerNamed(name);
  if (how === undefined) {
    throw new UnsupportedError({
      what: `${metadata.file}: the pre-tokenizer of its tokenizer is not supported.`,
      got: quote(name),
      expected: preTokenizerNames.join(', '),
      fix: 'give a folder with the tokenizer.json of the model',
    });
  }
  return {
    normalizer: how.normalizer,
    pre_tokenizer: how.preTokenizer,
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...bpe(
        tokens,
        metadata.texts('tokenizer.ggml.merges').map((merge) => splitMerge(metadata, merge)),
      ),
      ...(how.ignoreMerges && { ignore_merges: true }),
    },
  };
}

/** "a b" to its two tokens; neither holds a blank, but either may start with one in vocabularies of other kinds. */
function splitMerge(metadata: MetadataReader, merge: string): [string, string] {
  const at = merge.indexOf(' ', 1);
  if (at !== -1 && at < merge.length - 1) return [merge.slice(0, at), merge.slice(at + 1)];
  throw new InvalidFileError({
    what: `${metadata.file}: a merge of its tokenizer is no pair of tokens.`,
    got: quote(merge),
    expected: 'two tokens and a blank between them',
  });
}

function sentencePieces(metadata: MetadataReader, vocabulary: Vocabulary): Record<string, unknown> {
  const { tokens } = vocabulary;
  const scores = metadata.numbers('tokenizer.ggml.scores');
  if (scores.length !== tokens.length) mismatch(metadata, 'tokenizer.ggml.scores', scores.length, tokens.length);
  const blank = '\u2581';
  const toBlanks = { type: 'Replace', pattern: { String: ' ' }, content: blank };
  const prefixed = metadata.flag('tokenizer.ggml.add_space_prefix', true);
  const unknown = tokens[metadata.count('tokenizer.ggml.unknown_token_id', 0)];
  return {
    normalizer: prefixed
      ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: blank }, toBlanks] }
      : toBlanks,
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: blank }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefixed ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      ...bpe(tokens, mergesOfScores(vocabulary, scores)),
      unk_token: unknown,
      fuse_unk: true,
      byte_fallback: true,
    },
  };
}

/**
 * SentencePiece joins the two neighbours whose piece has the best score; as merges: every split of a piece into two
 * pieces, in the order of the scores (as transformers' SentencePieceExtractor has it).
 */
function mergesOfScores({ tokens, kinds }: Vocabulary, scores: readonly number[]): [string, string][] {
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    if (kinds[id] === tokenKind.normal || kinds[id] === tokenKind.userDefined) ids.set(token, id);
  }
  const merges: {
    readonly pair: [string, string];
    readonly score: number;
    readonly left: number;
    readonly right: number;
  }[] = [];
  for (const [token, id] of ids) {
    if (token.length > longestPiece) continue;
    for (let cut = 1; cut < token.length; cut += 1) {
      const pair: [string, string] = [token.slice(0, cut), token.slice(cut)];
      const [left, right] = [ids.get(pair[0]), ids.get(pair[1])];
      if (left !== undefined && right !== undefined) merges.push({ pair, score: scores[id] as number, left, right });
    }
  }
  merges.sort((a, b) => b.score - a.score || a.left - b.left || a.right - b.right);
  return merges.map(({ pair }) => pair);
}

function bpe(tokens: readonly string[], merges: readonly [string, string][]): Record<string, unknown> {
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
  };
}

function mismatch(metadata: MetadataReader, key: string, got: number, expected: number): never {
  throw new InvalidFileError({
    what: `${metadata.file}: the metadata ${quote(key)} does not fit the vocabulary.`,
    got: `${got} values`,
    expected: `${expected}, one per token`,
  });
}
