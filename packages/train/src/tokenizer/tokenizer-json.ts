/** Hugging Face's tokenizer.json of a byte-level BPE: what their libraries read, with every field they write. */

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true } as const;

export interface TokenizerJson {
  readonly version: '1.0';
  readonly truncation: null;
  readonly padding: null;
  readonly added_tokens: readonly AddedToken[];
  readonly normalizer: null;
  readonly pre_tokenizer: typeof byteLevel;
  readonly post_processor: null;
  readonly decoder: typeof byteLevel;
  readonly model: {
    readonly type: 'BPE';
    readonly dropout: null;
    readonly unk_token: null;
    readonly continuing_subword_prefix: null;
    readonly end_of_word_suffix: null;
    readonly fuse_unk: false;
    readonly byte_fallback: false;
    readonly ignore_merges: false;
    /** Id by token. */
    readonly vocab: Readonly<Record<string, number>>;
    /** "left right", the first merged first. */
    readonly merges: readonly string[];
  };
}

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: false;
  readonly lstrip: false;
  readonly rstrip: false;
  readonly normalized: false;
  readonly special: true;
}

/** @param tokens by id; the special ones come first */
export function tokenizerJson(
  tokens: readonly string[],
  merges: readonly string[],
  specialTokens: readonly string[],
): TokenizerJson {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

/** The text of tokenizer.json. */
export function serializeTokenizer(json: TokenizerJson): string {
  return `${JSON.stringify(json, null, 2)}\n`;
}
