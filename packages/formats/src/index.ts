/** `@inattention/formats`: safetensors, configurations and tokenizers, from folders, URLs, files and memory. */

export { type ChatMessage, type ChatOptions, type ChatTemplate, renderChat } from './chat/chat-template.ts';
export { checkTensors, expectedTensors } from './config/expected-tensors.ts';
export { parseConfig, serializeConfig } from './config/parse-config.ts';
export { type GgufOptions, ggufContent } from './convert/gguf-content.ts';
export { type ContentOptions, type SafetensorsOptions, safetensorsContent } from './convert/safetensors-content.ts';
export { huggingFaceConfig, type Switches, switchedConfig } from './convert/target-config.ts';
export { Fingerprint } from './fingerprint.ts';
export { blockHalves, blocksAs, splitQ80 } from './gguf/stored-blocks.ts';
export { type FingerprintedWeights, modelFingerprint } from './model-fingerprint.ts';
export { type ModelFiles, openConfig, openModelFiles, openTokenizer } from './open-model-files.ts';
export { parseTokens } from './parse-tokens.ts';
export type { WeightDType } from './safetensors/dtypes.ts';
export type { TensorEntry } from './safetensors/header.ts';
export { openSafetensors, type ReadOptions, type SafetensorsFile } from './safetensors/reader.ts';
export { openWeights, type WeightFiles } from './safetensors/weight-files.ts';
export {
  encodeWeights,
  layOutSafetensors,
  type SafetensorsLayout,
  type TensorLayout,
  type TensorToWrite,
  writeSafetensors,
} from './safetensors/writer.ts';
export type { ByteSource, ModelSource } from './sources/byte-source.ts';
export { blobSource, openFileList } from './sources/file-source.ts';
export type { UrlOptions, UrlProgress } from './sources/http.ts';
export { bytesSource, filesInMemory } from './sources/memory-source.ts';
export { openUrls } from './sources/url-files.ts';
export { openUrl, urlSource } from './sources/url-source.ts';
export { type ByteTokenizerOptions, createByteTokenizer } from './tokenizer/byte-tokenizer.ts';
export { loadTokenizer } from './tokenizer/json-tokenizer.ts';
export type { StreamDecoder, Tokenizer } from './tokenizer/tokenizer.ts';
