/** What is known of a shipped model: where its files are, what it is, how it was made. Types only. */

/** The files of a model's folder. */
export type FileName = 'config.json' | 'model.safetensors' | 'tokenizer.json';

export interface TextSource {
  readonly title: string;
  /** The npm package. */
  readonly source: string;
  readonly licence: string;
}

/** A loss on texts that no run sees. */
export interface TestLoss {
  /** Nats, mean over all positions that count. */
  readonly loss: number;
  readonly lossTerms: number;
  /** Positions of the texts it was measured on; the first position of each knows nothing of what came before. */
  readonly contextLength: number;
}

/** A loss curve: as many steps as losses. */
export interface LossCurve {
  readonly steps: readonly number[];
  /** Nats. */
  readonly losses: readonly number[];
}

/** How a model was made. */
export interface TrainingRecord {
  /** The command, run beside `train.jsonl` and the models it begins from. */
  readonly command: string;
  /** The run's settings, by their names. */
  readonly settings: Readonly<Record<string, string | number>>;
  readonly seed: number;
  readonly steps: number;
  /** Positions read. */
  readonly tokens: number;
  /** Spent in steps, with whatever else the machine did meanwhile. */
  readonly seconds: number;
  /** What it ran on. */
  readonly machine: string;
  /** Training loss, each the mean of the steps up to its step and after the one before. */
  readonly training: LossCurve;
  /** Loss on the documents that the run set apart from its data. */
  readonly validation: LossCurve;
  readonly texts: readonly TextSource[];
  /** SHA-256 of the text files, hexadecimal. */
  readonly textChecksums: { readonly 'train.jsonl': string; readonly 'test.jsonl': string };
  readonly testLoss: TestLoss;
  /** Loss on the first ids of the test set's first document: a quick check of files and code. */
  readonly check: TestLoss;
}

export interface ShippedModel {
  readonly name: string;
  readonly description: string;
  readonly parameters: number;
  /** Longest texts it was trained on. */
  readonly contextLength: number;
  readonly attention: 'inattention' | 'self';
  /** What weights are stored in. */
  readonly dtype: 'F16';
  /** Of the weights; that of the texts is in the record. */
  readonly licence: 'MIT';
  /** Where each file is: beside this module, whatever that is loaded from; bundlers rewrite them. */
  readonly files: Readonly<Record<FileName, URL>>;
  /** SHA-256 of each file, hexadecimal. */
  readonly checksums: Readonly<Record<FileName, string>>;
  /** Bytes of each file. */
  readonly sizes: Readonly<Record<FileName, number>>;
  readonly record: TrainingRecord;
}
