// What query rows' attention says of candidates: for each query head and row the softmax over the keys that the row
// sees of q·k / sqrt(dim), summed over rows. Sums are in float32 and in an order that a sequence's own counts decide.
#pragma once

#include "compress.h"

namespace pathpress::cuda {

struct Votes {
  CacheCompression cache;
  Global<const Bf16> queries;  // (layers, slots, mostRows, heads, dim), rotated; the row of position p at p % Due::ring
  Global<float> parts;         // (layers, kvHeads, chunkCount, rowRoom, 2): a chunk's top, in powers of two, and total
  Global<float> totals;        // (layers, kvHeads, dues, rowRoom, 2): a row's top, and its weight over its total
  Global<float> votes;         // (layers, lists, votesRoom)
  int mostRows;
  int rowRoom;    // most rows of a due, in tiles: rowTiles() · 16
  int votesRoom;  // of all dues: the end of the last one's pages
  bool causal;    // a row sees the entries up to its own alone
  bool perHead;   // a list of votes a query head, not one for the query heads that share a key
  bool strongest; // a row's scores are the largest of the query heads that share a key, and vote once
  bool lastTwice; // the newest row's votes count twice
  bool rounded;   // scores, weights and sums are rounded to bfloat16, as a model of that type writes them; perHead

  HOST_DEVICE int lists() const { return perHead ? cache.heads() : cache.kvHeads; }
  // Rows lie in tiles of 16; a list's begin with a tile of their own.
  HOST_DEVICE int rowStride(int rows) const { return perHead ? (rows + 15) / 16 * 16 : rows; }
  HOST_DEVICE int rowTiles(int rows) const { return (strongest ? rows + 15 : cache.group * rowStride(rows) + 15) / 16; }
  HOST_DEVICE int64_t listAt(int layer, int list) const { return (int64_t{layer} * lists() + list) * votesRoom; }
};

// Fills votes.votes: of each due's pages with candidates every entry's. False where a shape is none that it can do.
bool countVotes(Stream stream, const Votes& votes);

}  // namespace pathpress::cuda
