/** Tables in a notebook's output, through danfojs. */

/** Prints rows as a table; all rows have the first one's columns. */
export async function printTable(rows: Record<string, string | number>[]): Promise<void> {
  const { DataFrame } = await import('danfojs-node');
  new DataFrame(rows).print();
}
