/** `@inattention/bench/node`: the sweep from the command line, its texts on disk, its report for terminals. */

export type { BenchOutput } from './bench-output.ts';
export { benchCommand } from './command.ts';
export { modelFolder } from './model-folder.ts';
export { htmlReport } from './report/html-report.ts';
export { terminalReport } from './report/terminal.ts';
export { readMobyDick, readStateOfTheUnion } from './texts.ts';
