/** The little of a 2D canvas that plotly needs to draw heat maps: filled rectangles, pixels, and a PNG of them. */
import { deflateSync } from 'node:zlib';
import { pngChunk } from '../png.js';

/** PNG of 8-bit RGBA pixels, row-major (height × width × 4). */
export function encodePng(width: number, height: number, pixels: Uint8ClampedArray): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6, 0, 0, 0], 8); // 8 bits a channel, RGBA, no interlace
  const rows = Buffer.alloc(height * (width * 4 + 1)); // each row led by its filter type, 0
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width * 4, (y + 1) * width * 4), y * (width * 4 + 1) + 1);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, pngChunk('IHDR', header), pngChunk('IDAT', deflateSync(rows)), pngChunk('IEND', Buffer.alloc(0))]);
}

/** CSS colours as plotly writes them on canvases: rgb(), rgba() and #rrggbb. */
export function parseColour(text: string): [number, number, number, number] {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text);
  if (hex) return [parseInt(hex[1], 16), parseInt(hex[2], 16), parseInt(hex[3], 16), 255];
  const [r = 0, g = 0, b = 0, a = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
  return [r, g, b, Math.round(a * 255)];
}

interface ImageData {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

export class Canvas2d {
  fillStyle = '#000000';
  private pixels: Uint8ClampedArray | null = null;

  constructor(private readonly canvas: { width: number; height: number }) {}

  /** Allocated at first use, when plotly has set the size: (height × width × 4). */
  private get buffer(): Uint8ClampedArray {
    const size = this.canvas.width * this.canvas.height * 4;
    if (this.pixels?.length !== size) this.pixels = new Uint8ClampedArray(size);
    return this.pixels;
  }

  createImageData(width: number, height: number): ImageData {
    return { width, height, data: new Uint8ClampedArray(width * height * 4) };
  }

  getImageData(x: number, y: number, width: number, height: number): ImageData {
    const image = this.createImageData(width, height);
    for (let row = 0; row < height; row++) {
      const from = ((y + row) * this.canvas.width + x) * 4;
      image.data.set(this.buffer.subarray(from, from + width * 4), row * width * 4);
    }
    return image;
  }

  putImageData(image: ImageData, x: number, y: number): void {
    for (let row = 0; row < image.height; row++) {
      const to = ((y + row) * this.canvas.width + x) * 4;
      this.buffer.set(image.data.subarray(row * image.width * 4, (row + 1) * image.width * 4), to);
    }
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    const colour = parseColour(this.fillStyle);
    const [left, top] = [Math.max(0, Math.round(x)), Math.max(0, Math.round(y))];
    const right = Math.min(this.canvas.width, Math.round(x + width));
    const bottom = Math.min(this.canvas.height, Math.round(y + height));
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) this.buffer.set(colour, (row * this.canvas.width + column) * 4);
    }
  }

  toPng(): Buffer {
    return encodePng(this.canvas.width, this.canvas.height, this.buffer);
  }
}
