/**
 * Reads a file from its start on, a window at a time: what a header of unknown length is parsed with. `need` brings bytes
 * into the window; the getters then take them. Every length that a file claims goes through `need`, so none is believed
 * beyond the end of the file.
 */

import { InvalidFileError, throwIfAborted } from '@inattention/core';
import { type ByteSource, readExactly } from '../sources/byte-source.ts';

/** Bytes asked of the source at once. */
const windowBytes = 2 ** 20;

export class ByteCursor {
  readonly #source: ByteSource;
  readonly #limit: number;
  readonly #signal: AbortSignal | undefined;
  /** Where the window starts in the file. */
  #start = 0;
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Next byte to take, within the window. */
  #at = 0;

  /** At most `limit` bytes of the source are read. */
  constructor(source: ByteSource, limit: number, signal?: AbortSignal) {
    this.#source = source;
    this.#limit = limit;
    this.#signal = signal;
  }

  /** Place in the file of the next byte. */
  get position(): number {
    return this.#start + this.#at;
  }

  /** Bytes between here and the end of the file. */
  get remaining(): number {
    return this.#source.size - this.position;
  }

  /** True when the next `count` bytes can be taken at once. */
  has(count: number): boolean {
    return this.#at + count <= this.#view.byteLength;
  }

  /** Brings the next `count` bytes into the window. Throws InvalidFileError beyond the end of the file or the limit. */
  async need(count: number): Promise<void> {
    if (this.has(count)) return;
    throwIfAborted(this.#signal, `Reading ${this.#source.name}`);
    const { position } = this;
    if (count > this.remaining || position + count > this.#limit) {
      throw new InvalidFileError({
        what: `${this.#source.name}: the header reaches beyond ${count > this.remaining ? 'the file' : 'any that is read'}.`,
        got: `${count} bytes from byte ${position} on`,
        expected: `at most ${Math.min(this.remaining, this.#limit - position)}`,
        fix: 'the file is truncated or damaged: download it again',
      });
    }
    const end = Math.min(this.#source.size, position + Math.max(count, windowBytes));
    const bytes = await readExactly(this.#source, position, end, this.#signal);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#start = position;
    this.#at = 0;
  }

  /** The next `count` bytes, as a view of the window. */
  bytes(count: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#take(count), count);
  }

  uint8 = () => this.#view.getUint8(this.#take(1));
  int8 = () => this.#view.getInt8(this.#take(1));
  uint16 = () => this.#view.getUint16(this.#take(2), true);
  int16 = () => this.#view.getInt16(this.#take(2), true);
  uint32 = () => this.#view.getUint32(this.#take(4), true);
  int32 = () => this.#view.getInt32(this.#take(4), true);
  float32 = () => this.#view.getFloat32(this.#take(4), true);
  float64 = () => this.#view.getFloat64(this.#take(8), true);
  uint64 = () => this.#view.getBigUint64(this.#take(8), true);
  int64 = () => this.#view.getBigInt64(this.#take(8), true);

  #take(count: number): number {
    const at = this.#at;
    this.#at += count;
    return at;
  }
}
