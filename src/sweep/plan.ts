/** A sweep checked whole: every file read, every policy settled and held against every prompt, before the first token. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { requireAddon } from '../engine/addon.js';
import { openEngine, versions } from '../engine/engine.js';
import { PathPressError } from '../engine/errors.js';
import type { Device, ModelInfo, Sampling } from '../engine/types.js';
import { generationDefaults, type GenerationDefaults } from '../evaluate/defaults.js';
import { evalSettings } from '../evaluate/evaluate.js';
import type { EvalSettings } from '../evaluate/record.js';
import { bundledModel, portableName, version } from '../package.js';
import { pause } from '../pause.js';
import { checkPolicy, drawsLots } from '../policies/settle.js';
import { tasks } from '../tasks/registry.js';
import { loadTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js';
import { armsOf, type Arm } from './arms.js';
import { canonicalJson } from './canonical.js';
import { deviceOf, mistakes, readSweepFile, type SweepFile } from './file.js';
import type { Load } from '../evaluate/batch.js';
import type { Manifest, SweepCell } from './manifest.js';
import { sameCells } from './same-cells.js';
import { mostSamples, samplesOf, type Shard } from './shard.js';
import { taskHash } from './task-hash.js';

/** What a sweep will run, in numbers. */
export interface SweepSize {
  cells: number;
  /** Problems counted once for each cell that runs them. */
  problems: number;
  samples: number;
  /** Generated tokens at most: every sample at its full length. */
  tokensAtMost: number;
}

/** A sweep that may run. */
export interface SweepPlan {
  manifest: Manifest;
  /** Where each cell's model lies, by the number of the cell. */
  folders: string[];
  load: Load;
  size: SweepSize;
}

interface OpenedModel {
  folder: string;
  info: ModelInfo;
  defaults: GenerationDefaults;
  tokenizer: Tokenizer;
  files: string;
}

type TaskRow = SweepFile['tasks'][number];

/**
 * Reads a sweep file and checks all that can be refused without generating.
 * @throws PathPressError CUDA_UNAVAILABLE where it is to run on a GPU that cannot be used; BAD_SWEEP naming every mistake;
 *   what opening a model or its tokenizer throws.
 */
export async function planSweep(path: string, shard: Shard | null = null, signal?: AbortSignal): Promise<SweepPlan> {
  const { file, hash } = await readSweepFile(path);
  const arms = armsOf(file, path);
  refuseUnknown(file, path);
  refuseHuge(file, arms, path);
  refuseDevice(file);
  const models: OpenedModel[] = [];
  for (const name of file.models) models.push(await openModel(folderOf(name)!, deviceOf(file)));
  const wrong: string[] = [];
  const cells: SweepCell[] = [];
  const folders: string[] = [];
  const places: string[] = []; // of the cells in the file, for errors
  for (const [m, model] of models.entries()) {
    for (const [t, row] of file.tasks.entries()) {
      const lengths = await promptLengths(model, row, signal);
      for (const arm of arms) {
        const place = `models[${m}] "${file.models[m]}", tasks[${t}] "${row.name}", ${arm.where}, arm "${arm.name}"`;
        wrong.push(...refusals(arm, file, row, model, lengths).map((why) => `${place}: ${why}`));
        for (const [s, seed] of file.seeds.entries()) {
          cells.push(cellOf(arm, file, row, model, seed));
          folders.push(model.folder);
          places.push(`${place}, seeds[${s}] ${seed}`);
        }
      }
    }
  }
  if (wrong.length === 0) wrong.push(...sameCells(cells, places));
  if (wrong.length) throw mistakes(path, wrong);
  const manifest: Manifest = {
    format: 1,
    sweep: { name: file.name, file: hash },
    engine: { version, addon: hashFile(requireAddon().file), simd: models[0]!.info.simd, device: deviceOf(file) },
    models: models.map(({ folder, info, files }) => ({ name: portableName(folder), weightsHash: info.weightsHash, files })),
    tasks: file.tasks.map((row) => ({ ...row, version: tasks[row.name]!.version, hash: taskHash(tasks[row.name]!, row) })),
    shard,
    cells,
  };
  const weightsBytes = Math.max(...models.map(({ info }) => info.weightsBytes));
  return { manifest, folders, load: { weightsBytes, device: deviceOf(file) }, size: sizeOf(manifest) };
}

/** The size of a shard, or of the whole where the manifest has none. */
function sizeOf({ cells, shard }: Manifest): SweepSize {
  const size: SweepSize = { cells: 0, problems: 0, samples: 0, tokensAtMost: 0 };
  for (const [i, cell] of cells.entries()) {
    const samples = samplesOf(cell, i, shard).length;
    if (samples === 0) continue;
    size.cells += 1;
    size.problems += samples / cell.samplesPerProblem;
    size.samples += samples;
    size.tokensAtMost += samples * cell.settings.maxTokens;
  }
  return size;
}

/** A folder, or the name of a model that comes with the project. */
function folderOf(name: string): string | undefined {
  return [name, bundledModel(name)].find((folder) => existsSync(folder) && (folder === name || basename(name) === name));
}

function refuseUnknown(file: SweepFile, path: string): void {
  const twice = (names: string[], what: string): string[] =>
    names.flatMap((name, i) => (names.indexOf(name) < i ? [`${what}[${i}] ${name}: stands twice`] : []));
  const wrong = [
    ...file.models.flatMap((name, i) =>
      folderOf(name) ? [] : [`models[${i}] ${JSON.stringify(name)}: no such folder, and no model that comes with the project`],
    ),
    ...file.tasks.flatMap(({ name }, i) =>
      Object.hasOwn(tasks, name) ? [] : [`tasks[${i}].name ${JSON.stringify(name)}: no such task; there are ${Object.keys(tasks).join(', ')}`],
    ),
    ...twice(file.models.map((name) => JSON.stringify(name)), 'models'),
    ...twice(file.tasks.map(({ name, split }) => `${name} ${split}`), 'tasks'),
    ...twice(file.seeds.map(String), 'seeds'),
  ];
  if (wrong.length) throw mistakes(path, wrong);
}

const mostCells = 100_000;

/** What no machine would end, and no memory hold: a slip of the hand. */
function refuseHuge({ models, tasks: rows, seeds }: SweepFile, arms: readonly Arm[], path: string): void {
  const cells = models.length * rows.length * arms.length * seeds.length;
  if (cells > mostCells) throw mistakes(path, [`makes ${cells} cells; at most ${mostCells}`]);
  let samples = 0;
  for (const row of rows) {
    for (const arm of arms) samples += Math.min(row.problems, arm.problems ?? row.problems) * row.samplesPerProblem;
  }
  samples *= models.length * seeds.length;
  if (samples > mostSamples) throw mistakes(path, [`makes ${samples} samples; at most ${mostSamples}`]);
}

/** Before any model is read. */
function refuseDevice(file: SweepFile): void {
  if (deviceOf(file) === 'cpu') return;
  const { cuda, whyNoCuda } = versions();
  if (!cuda) throw new PathPressError('CUDA_UNAVAILABLE', `device cuda: ${whyNoCuda}`);
}

async function openModel(folder: string, device: Device): Promise<OpenedModel> {
  const defaults = await generationDefaults(folder);
  const tokenizer = await loadTokenizer(folder);
  const engine = await openEngine({ model: folder, device, threads: 1 });
  engine.dispose();
  return { folder, info: engine.info, defaults, tokenizer, files: sideFilesHash(folder) };
}

function settledSampling({ sampling: given }: SweepFile, { defaults }: OpenedModel): Omit<Sampling, 'seed'> & { maxTokens: number } {
  const { stop: _, ignoreEos: __, ...rest } = given;
  return { ...defaults, ...rest };
}

function cellOf(arm: Arm, file: SweepFile, row: TaskRow, model: OpenedModel, seed: number): SweepCell {
  const { maxTokens, ...sampling } = settledSampling(file, model);
  const { stop, ignoreEos } = file.sampling;
  const settings = evalSettings(model.info, tasks[row.name]!, {
    model: model.folder,
    split: row.split,
    policy: arm.policy,
    sampling: { ...sampling, seed },
    maxTokens,
    stop: { strings: stop, ...(ignoreEos && { ids: [] }) },
    cache: arm.cache,
  });
  const problems = Math.min(row.problems, arm.problems ?? row.problems);
  return { id: cellId(settings), arm: arm.name, problems, samplesPerProblem: row.samplesPerProblem, settings };
}

/** Without engine and instruction set, which the manifest names: a cell is called the same everywhere. */
function cellId({ engine: _, simd: __, device: ___, ...settings }: EvalSettings): string {
  return createHash('sha256').update(canonicalJson(settings)).digest('hex').slice(0, 16);
}

/** Why an arm cannot run on a task with a model. */
function refusals(arm: Arm, file: SweepFile, row: TaskRow, model: OpenedModel, lengths: readonly number[]): string[] {
  const wrong: string[] = [];
  const { temperature } = settledSampling(file, model);
  if (temperature === 0) {
    const idle = (['topP', 'topK', 'minP'] as const).find((key) => file.sampling[key] !== undefined);
    if (idle) wrong.push(`sampling.${idle} ${file.sampling[idle]} means nothing with temperature 0, which is greedy`);
    const repeats = row.samplesPerProblem > 1 ? 'samplesPerProblem' : file.seeds.length > 1 ? 'seeds' : undefined;
    if (repeats && !drawsLots(arm.policy)) wrong.push(`${repeats}: with temperature 0 every repetition is the same`);
  }
  if (deviceOf(file) !== 'cpu' && arm.cache !== undefined && arm.cache !== 'bf16')
    wrong.push(`cache ${arm.cache}: device ${deviceOf(file)} caches bf16 alone`);
  if ((arm.cache === 'int8' || arm.cache === 'int4') && arm.policy.name !== 'full')
    wrong.push(`cache ${arm.cache}: policy ${arm.policy.name} takes entries out of pages, or looks into them, whose entries share a scale; policy full alone can`);
  try {
    for (const length of new Set(lengths.slice(0, arm.problems))) checkPolicy(arm.policy, length);
  } catch (error) {
    if (!(error instanceof PathPressError)) throw error;
    wrong.push(error.message);
  }
  return wrong;
}

/** Prompt tokens of each problem: a cap has to hold the longest of them. */
async function promptLengths({ tokenizer, info, folder }: OpenedModel, row: TaskRow, signal?: AbortSignal): Promise<number[]> {
  const lengths: number[] = [];
  for (let i = 0; i < row.problems; i++) {
    const ids = tokenizer.encode(tasks[row.name]!.problem(row.split, i).prompt);
    const outside = ids.find((id) => id >= info.vocabSize);
    if (ids.length === 0 || outside !== undefined) {
      const why = outside === undefined ? 'has no tokens' : `has the id ${outside}, outside the vocabulary of ${info.vocabSize}`;
      throw new PathPressError('BAD_PROMPT', `problem ${i} of ${row.name} ${row.split} with ${folder} ${why}`);
    }
    lengths.push(ids.length);
    if (i % 256 === 255) await pause(signal);
  }
  return lengths;
}

function hashFile(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

const sideFiles = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'];

function sideFilesHash(folder: string): string {
  const hash = createHash('sha256');
  for (const name of sideFiles) {
    const path = join(folder, name);
    hash.update(`${name}\u0000${existsSync(path) ? hashFile(path) : ''}\u0000`);
  }
  return hash.digest('hex');
}
