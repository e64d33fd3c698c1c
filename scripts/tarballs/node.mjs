// The program that a user runs with Node.
import { generateText } from './generate.mjs';

console.log(JSON.stringify(await generateText()));
