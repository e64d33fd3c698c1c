/** A file that only grows, written in blocks: what writing a token file needs of the file system. */

import { type FileHandle, open } from 'node:fs/promises';
import { InvalidFileError } from '@inattention/core';

/** Bytes gathered before they are written, and copied at once. */
export const blockBytes = 2 ** 20;

/** Its methods throw InvalidFileError. Messages call the file `name`. */
export class Appender {
  length = 0;
  readonly #path: string;
  readonly #name: string;
  readonly #block = new Uint8Array(blockBytes);
  #filled = 0;
  #written = 0;
  #handle: FileHandle | null = null;

  constructor(path: string, name: string) {
    this.#path = path;
    this.#name = name;
  }

  async open(): Promise<void> {
    this.#handle = await this.#guard(open(this.#path, 'wx+'));
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.length += bytes.length;
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + blockBytes - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
      if (this.#filled === blockBytes) await this.flush();
    }
  }

  async flush(): Promise<void> {
    await this.#write(this.#block.subarray(0, this.#filled), this.#written);
    this.#written += this.#filled;
    this.#filled = 0;
  }

  /** Up to `length` bytes from `start` on, of what was flushed. */
  async read(start: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.min(length, this.#written - start));
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await this.#guard(this.#opened().read(bytes, done, bytes.length - done, start + done));
      if (bytesRead === 0) throw unwritable(this.#name, 'what was written is gone');
      done += bytesRead;
    }
    return bytes;
  }

  /** Writes the rest, `first` over the file's beginning, and waits until the disk has it. */
  async finish(first: Uint8Array): Promise<void> {
    await this.flush();
    await this.#write(first, 0);
    await this.#guard(this.#opened().sync());
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = null;
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#guard(
        this.#opened().write(bytes, done, bytes.length - done, position + done),
      );
      done += bytesWritten;
    }
  }

  #opened(): FileHandle {
    if (this.#handle === null) throw unwritable(this.#name, 'it is closed');
    return this.#handle;
  }

  #guard<T>(work: Promise<T>): Promise<T> {
    return work.catch((cause: unknown) => Promise.reject(unwritable(this.#name, cause)));
  }
}

/** A file that cannot be written, and why. */
export function unwritable(path: string, cause: unknown): InvalidFileError {
  return new InvalidFileError({
    what: `${path} cannot be written.`,
    got: cause instanceof Error ? cause.message : String(cause),
    fix: 'check that its folder is there, can be written to, and has room',
    cause,
  });
}
