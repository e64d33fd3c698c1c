/** `@inattention/cli` as a library: the program with its own streams. */

export { runProgram } from './program.ts';
export type { Terminal } from './terminal.ts';
