/** The kernel made known to Jupyter and VS Code, without Python. */
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { PathPressError } from '../engine/errors.js';
import { writeWhole } from '../whole-file.js';
import { kernelArguments } from './command.js';

/** Where Jupyter looks for a user's kernels. */
function userDataFolder(): string {
  if (process.env.JUPYTER_DATA_DIR) return process.env.JUPYTER_DATA_DIR;
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library', 'Jupyter');
  if (process.platform === 'win32') return path.join(process.env.APPDATA ?? os.homedir(), 'jupyter');
  return path.join(process.env.XDG_DATA_HOME ?? path.join(os.homedir(), '.local', 'share'), 'jupyter');
}

/** Where the kernel goes. */
export interface InstallKernelOptions {
  /** A Python environment's folder, say; the kernel goes to `<prefix>/share/jupyter/kernels`. The user's own folder if left out. */
  prefix?: string;
  /** Replace a kernel of the same name that this project did not write. */
  force?: boolean;
}

/**
 * Writes the kernel spec `tslab` that the notebooks name: this project's tslab with its cure for lost output.
 * @returns the path of the kernel.json
 * @throws PathPressError `BAD_OPTION` where another kernel of that name stands, `NOT_BUILT`, `WRITE_FAILED`
 */
export async function installKernel({ prefix, force = false }: InstallKernelOptions = {}): Promise<string> {
  const data = prefix === undefined ? userDataFolder() : path.join(path.resolve(prefix), 'share', 'jupyter');
  const file = path.join(data, 'kernels', 'tslab', 'kernel.json');
  const spec = {
    argv: [process.execPath, ...kernelArguments(), '{connection_file}'],
    display_name: 'TypeScript',
    language: 'typescript',
    interrupt_mode: 'signal',
    metadata: { pathpress: true },
  };
  const standing = await readFile(file, 'utf8').catch(() => null);
  if (standing !== null && !standing.includes('"pathpress": true') && !force) {
    throw new PathPressError('BAD_OPTION', `${file} is a kernel that another program wrote; use --force to replace it`);
  }
  writeWhole(file, `${JSON.stringify(spec, null, 2)}\n`);
  return file;
}
