/** A cell's outputs, gathered from the kernel's messages. */
import type { Output } from './file.js';
import type { Message } from './messages.js';

/** What the kernel prints for a promise that nobody awaited, or an error thrown from a callback; it still says ok. */
const unhandled = /^(?:UnhandledPromiseRejection|UncaughtException): ?/m;

export class CellOutputs {
  readonly list: Output[] = [];

  add({ type, content }: Message): void {
    if (type === 'stream') {
      const { name, text } = content as { name: 'stdout' | 'stderr'; text: string };
      const last = this.list[this.list.length - 1];
      if (last?.output_type === 'stream' && last.name === name) last.text += text;
      else this.list.push({ output_type: 'stream', name, text });
    } else if (type === 'display_data') {
      const { data, metadata } = content as { data: Record<string, unknown>; metadata: Record<string, unknown> };
      this.list.push({ output_type: 'display_data', data, metadata: metadata ?? {} });
    }
  }

  private get errorText(): string {
    return this.list.map((output) => (output.output_type === 'stream' && output.name === 'stderr' ? output.text : '')).join('');
  }

  /** Why the cell failed, null where it did not: tslab reports errors as text on the error stream. */
  failure(status: 'ok' | 'error' | 'abort'): string | null {
    const text = this.errorText.trim();
    if (status !== 'ok') return text || `the kernel answered "${status}"`;
    const at = text.search(unhandled);
    return at < 0 ? null : text.slice(at).replace(unhandled, 'unhandled: ');
  }
}
