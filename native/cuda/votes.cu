#include "votes.h"

#include <climits>
#include <cmath>

#include "page_keys.h"
#include "words.h"

namespace pathpress::cuda {

constexpr int voteThreads = 32 * votePages;
constexpr int joinThreads = 128;
constexpr float log2OfE = 1.44269504f;

// From which true position on a row sees each of the lane's eight entries.
struct Sight {
  int from[8];

  DEVICE Sight(const Votes& votes, const VotePlace& at) {
    const int first = at.page * cachePageEntries + threadIndex() % 4 * 8;
    UNROLL(8)
    for (int i = 0; i < 8; ++i) {
      const bool inside = first + i >= at.due.softmaxFirst && first + i < at.due.softmaxEnd;
      const int set = votes.cache.setOf(at.head);
      const int position = positionIf(inside && votes.causal, votes.cache, at.due, at.layer, set, first + i);
      from[i] = !inside ? INT_MAX : votes.causal ? position : INT_MIN;
    }
  }
};

// A row of a tile.
struct VoteRow {
  int head, row;  // of the group, and of the rows that vote
  bool real;

  DEVICE VoteRow(const Votes& votes, const Due& due, int index) {
    const int stride = votes.strongest ? due.rows : votes.rowStride(due.rows);
    head = votes.strongest ? 0 : index / stride;
    row = votes.strongest ? index : index % stride;
    real = row < due.rows && head < votes.cache.group;
  }
};

// Scores of a tile's 16 rows with the page's entries, in powers of two.
template <int dim, bool strongest>
DEVICE void scoreTile(const Votes& votes, const VotePlace& at, const PageKeys<dim>& keys, int tile, FragmentC* scores) {
  const int lane = threadIndex() % 32, outer = lane / 4, inner = lane % 4;
  const VoteRow low(votes, at.due, tile * 16 + outer), high(votes, at.due, tile * 16 + 8 + outer);
  const int64_t rows = (int64_t{at.layer} * votes.cache.slots + at.due.slot) * votes.mostRows;
  const auto queryAt = [&](const VoteRow& row, int rival) {
    const int64_t ring = rows + (at.due.rowPosition + row.row) % at.due.ring;
    return (ring * votes.cache.heads() + at.head * votes.cache.group + row.head + rival) * dim + inner * 8;
  };
  const int rivals = strongest ? votes.cache.group : 1;
  for (int rival = 0; rival < rivals; ++rival) {
    FragmentC sums[4] = {};
    const int64_t lowAt = queryAt(low, rival), highAt = queryAt(high, rival);
    UNROLL(dim / 32)
    for (int s = 0; s < dim / 32; ++s) {
      const Words a = votes.queries.load16If(low.real, lowAt + s * 32);
      const Words b = votes.queries.load16If(high.real, highAt + s * 32);
      UNROLL(4)
      for (int m = 0; m < 4; ++m) {
        const Words& key = keys.word[s][m];
        mma(sums[m], {{a.word[0], b.word[0], a.word[1], b.word[1]}}, {{key.word[0], key.word[1]}});
        mma(sums[m], {{a.word[2], b.word[2], a.word[3], b.word[3]}}, {{key.word[2], key.word[3]}});
      }
    }
    UNROLL(16)
    for (int i = 0; i < 16; ++i) {
      float& score = scores[i / 4].value[i % 4];
      const float sum = sums[i / 4].value[i % 4];
      score = rival == 0 || sum > score ? sum : score;
    }
  }
  const float root = std::sqrt(static_cast<float>(dim)), scale = log2OfE / root;
  UNROLL(16)
  for (int i = 0; i < 16; ++i) {
    float& score = scores[i / 4].value[i % 4];
    score = votes.rounded ? rounded(rounded(score) / root) * log2OfE : score * scale;
  }
}

// Of each row the top and the total over a chunk. A block a chunk of a key-value head; each warp keeps its page's keys.
template <int dim, bool strongest>
BOUNDED_KERNEL(voteThreads, dim == 64 && !strongest ? 2 : 1) sumRows(Votes votes) {
  SHARED_ARRAY(float, warpTop, 2 * votePages * 16);
  SHARED_ARRAY(float, warpTotal, 2 * votePages * 16);
  const VotePlace at(votes.cache);
  const PageKeys<dim> keys(votes.cache, at, at.due.softmaxFirst, at.due.softmaxEnd);
  const Sight sight(votes, at);
  const int warp = threadIndex() / 32, lane = threadIndex() % 32, outer = lane / 4, inner = lane % 4;
  const int tiles = votes.rowTiles(at.due.rows);
  const int64_t head = int64_t{at.layer} * votes.cache.kvHeads + at.head;
  const int64_t parts = (head * votes.cache.chunkCount + at.chunk) * votes.rowRoom;
  for (int tile = 0; tile < tiles; ++tile) {
    FragmentC scores[4];
    scoreTile<dim, strongest>(votes, at, keys, tile, scores);
    const int turn = tile % 2 * votePages * 16;  // tiles take turns, so that one barrier is enough
    UNROLL(2)
    for (int half = 0; half < 2; ++half) {
      const VoteRow row(votes, at.due, tile * 16 + half * 8 + outer);
      const int position = at.due.rowPosition + row.row;
      float top = -INFINITY, total = 0;
      UNROLL(8)
      for (int i = 0; i < 8; ++i) {
        const float score = scores[i / 2].value[half * 2 + i % 2];
        if (sight.from[i] <= position && score > top) top = score;
      }
      for (int mask = 1; mask < 4; mask *= 2) {
        const float other = shuffleXor(top, mask);
        top = other > top ? other : top;
      }
      UNROLL(8)
      for (int i = 0; i < 8; ++i) {
        const float score = scores[i / 2].value[half * 2 + i % 2];
        if (sight.from[i] <= position) total += powerOfTwo(score - top);
      }
      for (int mask = 1; mask < 4; mask *= 2) total += shuffleXor(total, mask);
      if (inner == 0) {
        warpTop.set(turn + warp * 16 + half * 8 + outer, top);
        warpTotal.set(turn + warp * 16 + half * 8 + outer, total);
      }
    }
    barrier();
    if (threadIndex() < 16) {
      float top = -INFINITY, total = 0;
      for (int w = 0; w < votePages; ++w) {
        const float other = warpTop.get(turn + w * 16 + threadIndex());
        top = other > top ? other : top;
      }
      for (int w = 0; w < votePages; ++w) {
        const float own = warpTotal.get(turn + w * 16 + threadIndex());
        if (own > 0) total += own * powerOfTwo(warpTop.get(turn + w * 16 + threadIndex()) - top);
      }
      votes.parts.store8If(true, (parts + tile * 16 + threadIndex()) * 2, {{asWord(top), asWord(total)}});
    }
  }
}

// The same over all of a due's chunks, in order. A block a due of a key-value head.
KERNEL joinRows(Votes votes) {
  const int dues = votes.cache.dues, number = blockIndex() % dues;
  const int64_t head = blockIndex() / dues;  // of all layers'
  const Due due = votes.cache.due.load(number);
  const int64_t first = (head * votes.cache.chunkCount + due.firstChunk) * votes.rowRoom;
  for (int index = threadIndex(); index < votes.rowTiles(due.rows) * 16; index += joinThreads) {
    const VoteRow row(votes, due, index);
    float top = -INFINITY, total = 0;
    for (int c = 0; c < due.chunks; ++c) {
      const float other = asFloat(votes.parts.load8If(true, (first + c * votes.rowRoom + index) * 2).word[0]);
      top = other > top ? other : top;
    }
    for (int c = 0; c < due.chunks; ++c) {
      const WordPair part = votes.parts.load8If(true, (first + c * votes.rowRoom + index) * 2);
      if (asFloat(part.word[1]) > 0) total += asFloat(part.word[1]) * powerOfTwo(asFloat(part.word[0]) - top);
    }
    const bool votesAtAll = row.real && total > 0;
    const float weight = votes.lastTwice && row.row == due.rows - 1 ? 2.0f : 1.0f;
    // A rounded vote is rounded before it is weighed.
    const float share = !votesAtAll ? 0.0f : votes.rounded ? 1 / total : weight / total;
    const float base = votesAtAll ? top : 0.0f;
    votes.totals.store8If(true, ((head * dues + number) * votes.rowRoom + index) * 2, {{asWord(base), asWord(share)}});
  }
}

// Of each entry the sum of its votes. A warp a page: nobody else adds to its entries.
template <int dim, bool strongest>
BOUNDED_KERNEL(voteThreads, dim == 64 && !strongest ? 2 : 1) sumVotes(Votes votes) {
  const VotePlace at(votes.cache);
  const int first = at.page * cachePageEntries;
  if (first + cachePageEntries <= at.due.pinned || first >= at.due.candidatesEnd()) return;  // the whole warp
  const PageKeys<dim> keys(votes.cache, at, at.due.softmaxFirst, at.due.softmaxEnd);
  const Sight sight(votes, at);
  const int lane = threadIndex() % 32, outer = lane / 4, inner = lane % 4;
  const int64_t head = int64_t{at.layer} * votes.cache.kvHeads + at.head;
  const int64_t totals = (head * votes.cache.dues + at.number) * votes.rowRoom;
  const int tiles = votes.rowTiles(at.due.rows), listTiles = votes.perHead ? tiles / votes.cache.group : tiles;
  float sums[8] = {};
  for (int tile = 0; tile < tiles; ++tile) {
    FragmentC scores[4];
    scoreTile<dim, strongest>(votes, at, keys, tile, scores);
    UNROLL(2)
    for (int half = 0; half < 2; ++half) {
      const VoteRow row(votes, at.due, tile * 16 + half * 8 + outer);
      const int position = at.due.rowPosition + row.row;
      const WordPair total = votes.totals.load8If(true, (totals + tile * 16 + half * 8 + outer) * 2);
      const float weight = votes.lastTwice && row.row == at.due.rows - 1 ? 2.0f : 1.0f;
      UNROLL(8)
      for (int i = 0; i < 8; ++i) {
        const float raised = powerOfTwo(scores[i / 2].value[half * 2 + i % 2] - asFloat(total.word[0]));
        const float vote = raised * asFloat(total.word[1]);
        if (sight.from[i] <= position) sums[i] += votes.rounded ? weight * rounded(vote) : vote;
      }
    }
    if ((tile + 1) % listTiles != 0) continue;
    Words all[2];
    UNROLL(8)
    for (int i = 0; i < 8; ++i) {
      float sum = sums[i];
      for (int mask = 4; mask < 32; mask *= 2) sum += shuffleXor(sum, mask);
      all[i / 4].word[i % 4] = asWord(votes.rounded ? rounded(sum) : sum);
      sums[i] = 0;
    }
    const int list = votes.perHead ? at.head * votes.cache.group + tile / listTiles : at.head;
    const int64_t to = votes.listAt(at.layer, list) + at.due.votesAt + first - at.due.firstPage() * cachePageEntries;
    votes.votes.store16If(outer == 0, to + inner * 8, all[0]);
    votes.votes.store16If(outer == 0, to + inner * 8 + 4, all[1]);
  }
}

template <int dim, bool strongest>
void runPasses(Stream stream, const Votes& votes) {
  const int heads = votes.cache.layers * votes.cache.kvHeads;
  launch(stream, {heads * votes.cache.chunkCount, voteThreads}, sumRows<dim, strongest>, votes);
  launch(stream, {heads * votes.cache.dues, joinThreads}, joinRows, votes);
  launch(stream, {heads * votes.cache.chunkCount, voteThreads}, sumVotes<dim, strongest>, votes);
}

bool countVotes(Stream stream, const Votes& votes) {
  const int dim = votes.cache.dim;
  if (votes.cache.group < 1 || (dim != 64 && dim != 128)) return false;
  if (votes.strongest && votes.perHead) return false;
  if (votes.rounded && (!votes.perHead || votes.strongest)) return false;
  if (dim == 64) votes.strongest ? runPasses<64, true>(stream, votes) : runPasses<64, false>(stream, votes);
  else votes.strongest ? runPasses<128, true>(stream, votes) : runPasses<128, false>(stream, votes);
  return true;
}

}  // namespace pathpress::cuda
