/** Tables in a notebook's output, through danfojs. */
import { PathPressError } from '../engine/errors.js';

/**
 * Prints rows as a table; all rows have the first one's columns.
 * @throws PathPressError NOTEBOOK_FAILED where danfojs-node is not installed: it is optional, since what it depends on
 *   installs only with the overrides of this project's package.json
 */
export async function printTable(rows: Record<string, string | number>[]): Promise<void> {
  const { DataFrame } = await import('danfojs-node').catch((cause: Error) => {
    const how = 'install danfojs-node 1.2.0 with the "overrides" that stand in the package.json of pathpress';
    throw new PathPressError('NOTEBOOK_FAILED', `tables need danfojs-node: ${how} (${cause.message.split('\n')[0]})`, { cause });
  });
  new DataFrame(rows).print();
}
