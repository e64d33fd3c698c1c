/** `@inattention/bench/node`: the sweep from the command line, its texts on disk, its report for terminals. */

export { type BenchOutput, benchCommand } from './command.ts';
export { terminalReport } from './report/terminal.ts';
export { readMobyDick, readStateOfTheUnion } from './texts.ts';
