/** PNG files made smaller, pixel for pixel the same. */
import { constants, crc32, deflateSync, inflateSync } from 'node:zlib';

const signature = 8; // bytes before the first chunk
const around = 12; // bytes of a chunk beside its data: length, type, checksum

/** The picture with its pixels packed as tightly as zlib can: resvg packs for speed. Chunks keep their order (PNG, ISO 15948). */
export function packPng(png: Buffer): Buffer {
  const chunks: { type: string; data: Buffer }[] = [];
  for (let at = signature; at < png.length; at += around + png.readUInt32BE(at)) {
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + png.readUInt32BE(at)) });
  }
  const pixels = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data));
  const packed = deflateSync(inflateSync(pixels), { level: constants.Z_BEST_COMPRESSION });
  const first = chunks.findIndex(({ type }) => type === 'IDAT');
  const written = chunks.flatMap(({ type, data }, index) => (type !== 'IDAT' ? [pngChunk(type, data)] : index === first ? [pngChunk(type, packed)] : []));
  return Buffer.concat([png.subarray(0, signature), ...written]);
}

/** A chunk of a PNG: length, type, data and their checksum. */
export function pngChunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, checksum]);
}
