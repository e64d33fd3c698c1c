/** `@inattention/train/node`: what training keeps in files. */

export {};
