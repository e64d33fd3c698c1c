/**
 * The models of a run, in f32: the one that is trained, new or of files, and the one that it learns from. Where both come
 * from the same files they are read once, and what is not trained is one in memory.
 */

import { modelFolder } from '@inattention/bench/node';
import { type Backend, InvalidArgumentError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { type ModelFiles, openModelFiles } from '@inattention/formats';
import { openModelAt } from '@inattention/formats/node';
import { createModel, loadModel, type Model } from '@inattention/model';
import { deriveModel, isTrained, switchedTypes } from '@inattention/train';
import type { Terminal } from '../terminal.ts';
import type { RunSettings } from './run-settings.ts';
import { switchingOf, teacherPlace } from './switch-settings.ts';

export interface RunModels extends Disposable {
  readonly model: Model;
  readonly teacher: Model | null;
}

/** The files of a model wherever they are: a folder, a GGUF file, a URL, or the name of a shipped model. */
export async function openFiles(place: string, { signal }: Terminal): Promise<ModelFiles> {
  return openModelFiles(await openModelAt(await modelFolder(place), {}, signal), { signal });
}

/** What a model is learnt from, as files; null when from text alone. Throws InvalidArgumentError for too short a context. */
export async function openTeacher(settings: RunSettings, terminal: Terminal): Promise<ModelConfig | null> {
  const place = teacherPlace(settings);
  if (place === null) return null;
  const { config } = await openFiles(place, terminal);
  const { maxPositionEmbeddings: longest, positionEmbeddingType: positions } = config;
  if (settings.contextLength > longest && positions !== 'alibi' && positions !== 'none') {
    throw new InvalidArgumentError({
      what: `${place} cannot teach texts of this length.`,
      got: `${settings.contextLength} positions`,
      expected: `at most ${longest}`,
      fix: 'give a shorter --context-length',
    });
  }
  return config;
}

/** `config`: the run's model in the beginning. `checkpoint`: the folder to go on from; null in the beginning. */
export async function openModels(
  settings: RunSettings,
  config: ModelConfig,
  checkpoint: string | null,
  backend: Backend,
  terminal: Terminal,
): Promise<RunModels> {
  const { from } = settings;
  const place = teacherPlace(settings);
  const teacher = place === null ? null : await load(place, backend, terminal);
  try {
    const model =
      teacher !== null && place === from
        ? await deriveModel(teacher, config, { copied: copiedNames(settings, config) })
        : await openStudent(settings, config, checkpoint, backend, terminal);
    return {
      ...{ model, teacher },
      [Symbol.dispose]() {
        model.dispose();
        teacher?.dispose();
      },
    };
  } catch (error) {
    teacher?.dispose();
    throw error;
  }
}

/** Tensors that a student does not share with its teacher: those that are trained at some time. */
function copiedNames(settings: RunSettings, config: ModelConfig): (name: string) => boolean {
  const { train = 'all' } = settings;
  const switching = switchingOf(settings);
  const types = config.attentionTypes;
  const last = { attentionTypes: switching === null ? types : switchedTypes(types, switching) };
  return (name) => isTrained(name, last, train);
}

async function openStudent(
  settings: RunSettings,
  config: ModelConfig,
  checkpoint: string | null,
  backend: Backend,
  terminal: Terminal,
): Promise<Model> {
  const { from, seed } = settings;
  if (checkpoint !== null) {
    return load(checkpoint, backend, terminal, switchingOf(settings) === null ? undefined : config);
  }
  if (from === undefined) return createModel(config, backend, { seed });
  const { initialStateWindow } = (await openFiles(from, terminal)).config;
  if (initialStateWindow === config.initialStateWindow) return load(from, backend, terminal, config);
  using original = await load(from, backend, terminal); // its files have no window
  return await deriveModel(original, config);
}

/** A model whatever its files are in, with another configuration if one is given. */
async function load(place: string, backend: Backend, { signal }: Terminal, config?: ModelConfig): Promise<Model> {
  return loadModel(await openModelAt(await modelFolder(place), {}, signal), backend, {
    ...{ weightDType: 'f32', signal },
    ...(config !== undefined && { reconfigure: () => config }),
  });
}
