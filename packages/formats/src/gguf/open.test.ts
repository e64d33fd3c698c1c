import { InvalidFileError, UnsupportedError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { describe, expect, it } from 'vitest';
import { tinyConfig, tinyGguf, tinyTokenizer, tinyWeights } from '../../test/tiny-gguf.ts';
import { renderChat } from '../chat/chat-template.ts';
import { parseConfig, serializeConfig } from '../config/parse-config.ts';
import { openModelFiles } from '../open-model-files.ts';
import { blobSource } from '../sources/file-source.ts';
import { bytesSource, filesInMemory } from '../sources/memory-source.ts';
import { urlSource } from '../sources/url-source.ts';

const open = (bytes: Uint8Array) => openModelFiles(bytesSource(bytes, 'tiny.gguf'));
const variant = (changes: object): ModelConfig => parseConfig({ ...serializeConfig(tinyConfig), ...changes });

describe('a GGUF file', () => {
  it('gives the configuration, numbers, tokenizer and chat template that it was written from', async () => {
    const files = await open(await tinyGguf());
    expect(files.config).toEqual(tinyConfig);
    for (const { name, data } of tinyWeights()) expect(await files.weights.read(name)).toEqual(data);
    expect(files.tokenizer?.vocabSize).toBe(40);
    expect([...(files.tokenizer?.encode('the the</s>') ?? [])].map((id) => files.tokenizer?.decode([id]))).toEqual([
      'the',
      ' the',
      '</s>',
    ]);
    expect(
      await renderChat(files.chatTemplate ?? { source: '', specialTokens: {} }, [{ role: 'user', content: 'x' }]),
    ).toBe('x');
    expect(files.chatTemplate?.specialTokens).toEqual({ bos_token: '<s>', eos_token: '</s>' });
  });

  it('is read piece by piece to the same bytes, from a Blob, a URL and a folder', async () => {
    const bytes = await tinyGguf('F16');
    const whole = await open(bytes);
    const response = (start: number, end: number) => {
      const last = Math.min(end, bytes.length - 1);
      const headers = { 'content-range': `bytes ${start}-${last}/${bytes.length}` };
      return new Response(bytes.slice(start, last + 1), { status: 206, headers });
    };
    const fake: typeof fetch = async (_url, init) => {
      const [, start, end] = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get('range') ?? '') ?? [];
      return response(Number(start), Number(end));
    };
    const url = await urlSource('https://models.example/tiny.gguf', { fetch: fake });
    const others = [
      await openModelFiles(blobSource(new File([new Uint8Array(bytes)], 'tiny.gguf'))),
      await openModelFiles(url ?? bytesSource(new Uint8Array())),
      await openModelFiles(filesInMemory(new Map([['tiny.gguf', bytes]]))),
    ];
    for (const { weights, fingerprint } of others) {
      expect(fingerprint).toBe(whole.fingerprint);
      const name = 'model.layers.1.self_attn.k_proj.weight';
      expect(await weights.read(name)).toEqual(await whole.weights.read(name));
      const prefix = await weights.readBytes(name, { length: 100 });
      expect(prefix).toEqual((await whole.weights.readBytes(name)).subarray(0, 100));
    }
  });

  it.each([
    ['biases of queries, keys and values (qwen2)', { attention_bias: 'qkv' }],
    ['norms of queries and keys (qwen3)', { use_qk_norm: true }],
    ['biases of the output too', { attention_bias: true }],
    ['tied embeddings', { tie_word_embeddings: true }],
    [
      'rope scaling of Llama 3',
      {
        rope_theta: 500_000,
        rope_scaling: {
          rope_type: 'llama3',
          factor: 32,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 8192,
        },
      },
    ],
    ['linear rope scaling', { rope_scaling: { rope_type: 'linear', factor: 4 } }],
    ['YaRN', { rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32 } }],
  ])('with %s gives what it was written from', async (_what, changes) => {
    const config = variant(changes);
    const files = await open(await tinyGguf('F32', config));
    expect(files.config).toEqual(config);
    for (const { name, data } of tinyWeights(config)) expect(await files.weights.read(name)).toEqual(data);
  });

  it('with a tokenizer of pieces gives the same pieces', async () => {
    const pieces = ['<unk>', '<s>', '</s>', '<0x41>', '\u2581', 'a', 'b', '\u2581a', 'ab', '\u2581ab'];
    const tokenizer = {
      added_tokens: [1, 2].map((id) => ({ id, content: pieces[id], special: true })),
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '\u2581' },
          { type: 'Replace', pattern: { String: ' ' }, content: '\u2581' },
        ],
      },
      decoder: { type: 'Sequence', decoders: [{ type: 'ByteFallback' }] },
      model: {
        type: 'BPE',
        unk_token: '<unk>',
        byte_fallback: true,
        vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
        merges: [
          ['a', 'b'],
          ['\u2581', 'ab'],
          ['\u2581', 'a'],
        ],
      },
    };
    const { tokenizer: read } = await open(await tinyGguf('F32', tinyConfig, tokenizer));
    expect([...(read?.encode('ab A a') ?? [])]).toEqual([9, 4, 3, 7]);
    expect(read?.decode([9, 4, 3, 7])).toBe('ab A a');
  });

  it('is opened at once when a piece of its vocabulary is longer than any that merges make', async () => {
    const pieces = ['<unk>', '\u2581', 'a', 'b', 'ab', 'a'.repeat(1_000_000)];
    const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
    const model = { type: 'BPE', unk_token: '<unk>', byte_fallback: true, vocab, merges: [['a', 'b']] };
    const normalizer = { type: 'Prepend', prepend: '\u2581' };
    const tokenizer = { ...tinyTokenizer, added_tokens: [], normalizer, pre_tokenizer: null, model };
    const { tokenizer: read } = await open(await tinyGguf('F32', tinyConfig, tokenizer));
    expect([...(read?.encode('ab') ?? [])]).toEqual([1, 4]);
  });

  it('is refused when its frequencies are of another type, or not as many as the heads have', async () => {
    const scaling = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const config = variant({ rope_scaling: { ...scaling, original_max_position_embeddings: 8192 } });
    const bytes = await tinyGguf('F32', config);
    await expect(open(bytes)).resolves.toBeDefined();
    const at = Buffer.from(bytes).indexOf('rope_freqs.weight') + 'rope_freqs.weight'.length;
    const asIntegers = bytes.slice();
    asIntegers[at + 12] = 26; // I32, of as many bytes
    await expect(open(asIntegers)).rejects.toThrow('rope_freqs.weight cannot be used. Got: I32 [8]');
    const fewer = bytes.slice();
    fewer[at + 4] = 1; // 4 bytes, padded to as many
    await expect(open(fewer)).rejects.toThrow('rope_freqs.weight does not fit the heads. Got: 1 numbers');
  });

  it('is refused in parts, of another architecture, with other tensors, or a pre-tokenizer that is not known', async () => {
    const bytes = await tinyGguf();
    const replaced = (from: string, to: string) => {
      const at = Buffer.from(bytes).indexOf(from);
      expect(at).toBeGreaterThan(0);
      const changed = bytes.slice();
      changed.set(new TextEncoder().encode(to), at);
      return open(changed);
    };
    await expect(replaced('llama', 'gemma')).rejects.toThrow('an architecture that is not supported. Got: "gemma"');
    await expect(replaced('blk.1.ffn_up.weight', 'blk.1.ffn_op.weight')).rejects.toThrow(InvalidFileError);
    await expect(replaced('gpt-2', 'gpt-3')).rejects.toThrow(UnsupportedError);
    await expect(replaced('gpt2', 'bert')).rejects.toThrow(UnsupportedError);
    await expect(replaced('llama.embedding_length', 'llama.embedding_lengtx')).rejects.toThrow(
      'embedding_length" is missing',
    );
    await expect(replaced('general.name', 'split.countX')).resolves.toBeDefined();
  });

  it('is not written with a tokenizer that does not fit the model, or a model that only this project runs', async () => {
    const large = { ...tinyTokenizer, added_tokens: [{ id: 50, content: '<far>', special: true }] };
    await expect(tinyGguf('F32', tinyConfig, large)).rejects.toThrow('more tokens than the model');
    const switched = variant({ attention_types: ['self', 'inattention'] });
    await expect(tinyGguf('F32', switched)).rejects.toThrow('layer 1 is "inattention"');
    await expect(tinyGguf('F32', variant({ initial_state_window: 2 }))).rejects.toThrow('initial-state window');
    await expect(tinyGguf('F32', variant({ position_embedding_type: 'alibi' }))).rejects.toThrow('not rotary');
    const split = { type: 'Split', pattern: { Regex: 'x' }, behavior: 'Isolated', invert: false };
    await expect(tinyGguf('F32', tinyConfig, { ...tinyTokenizer, pre_tokenizer: split })).rejects.toThrow(
      'pre-tokenizer',
    );
  });
});
