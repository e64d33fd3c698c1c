/** `@inattention/formats/node`: files and folders of Node's file system. */

export { fileSource, openDirectory } from './sources/node-source.ts';
