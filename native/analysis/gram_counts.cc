// Radix partitioning, then one small hash table a partition. Each gram becomes a hash of 64 bits: the top ones choose the
// partition, and what is left of it is the item, whose top bits choose the slot of a table that fits the second cache.
// Within a partition items lie in the text's order, so a table can be read off at each length and then count on. What
// comes out are whole numbers added up, so neither the threads nor the partitions show in the result.
#include "gram_counts.h"

#include <functional>
#include <numeric>

#include "../engine/huge_buffer.h"
#include "../engine/thread_pool.h"
#include "gram_table.h"
#include "scatter.h"

namespace pathpress {
namespace {

constexpr size_t gramsPerPartition = 1024;
constexpr int mostPartitionBits = 10;
constexpr size_t gramsPerPiece = size_t{1} << 19;
constexpr int mostDirectBits = 20;  // counters of so many bits fit the second cache or nearly

int partitionBits(size_t grams) {
  int bits = 0;
  while (bits < mostPartitionBits && grams >> bits > gramsPerPartition) ++bits;
  return bits;
}

// Grams whose ids fit 64 bits together.
struct PackedGrams {
  const int32_t* ids;
  int n;
  int idBits;

  int bits() const { return n * idBits; }
  uint64_t kept() const { return bits() == 0 ? 0 : ~uint64_t{0} >> (64 - bits()); }
  uint64_t id(size_t at) const { return static_cast<uint32_t>(ids[at]); }

  // Calls body(packed gram) for the grams [begin, end).
  template <class Body>
  void each(size_t begin, size_t end, const Body& body) const {
    uint64_t gram = 0;
    const uint64_t all = kept();
    const auto more = static_cast<size_t>(n - 1);
    for (size_t at = begin; at < begin + more; ++at) gram = gram << idBits | id(at);
    for (size_t at = begin + more; at < end + more; ++at) {
      gram = (gram << idBits | id(at)) & all;
      body(gram);
    }
  }
  // A bijection of bits() bits, each of which depends on all, at the top of 64.
  template <class Body>
  void hashes(size_t begin, size_t end, const Body& body) const {
    const int half = (bits() + 1) / 2, rest = 64 - bits();
    each(begin, end, [&body, half, rest, kept = kept()](uint64_t gram) {
      gram = gram * 0x9E3779B97F4A7C15u & kept;
      gram ^= gram >> half;
      body(gram * 0xD6E8FEB86659FD93u << rest);
    });
  }
  template <class Item>
  Item differ(Item a, Item b, int) const { return a ^ b; }
};

// Any others: half a hash, half the position, and grams of equal hashes are compared id by id.
struct LongGrams {
  const int32_t* ids;
  int n;

  template <class Body>
  void hashes(size_t begin, size_t end, const Body& body) const {
    for (size_t at = begin; at < end; ++at) {
      uint64_t hash = 0;
      for (int k = 0; k < n; ++k) {
        hash = (hash ^ static_cast<uint32_t>(ids[at + static_cast<size_t>(k)])) * 0x9E3779B97F4A7C15u;
        hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93u;
      }
      body((hash >> 32 << 32) | at);
    }
  }
  uint64_t differ(uint64_t a, uint64_t b, int dropped) const {
    if ((a ^ b) >> (32 + dropped) != 0) return 1;
    const int32_t* left = ids + static_cast<uint32_t>(a >> dropped);
    return !std::equal(left, left + n, ids + static_cast<uint32_t>(b >> dropped));
  }
};

// Grams [begin, end), cut so that no piece crosses a length; `length` is the index of the one that it ends at, or -1.
struct Piece {
  size_t begin, end;
  int length;
};

std::vector<Piece> cutAtLengths(std::span<const size_t> lengths, int n) {
  std::vector<Piece> pieces;
  size_t begin = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const size_t end = lengths[i] - static_cast<size_t>(n) + 1;
    for (; end - begin > gramsPerPiece; begin += gramsPerPiece) pieces.push_back({begin, begin + gramsPerPiece, -1});
    pieces.push_back({begin, end, static_cast<int>(i)});
    begin = end;
  }
  return pieces;
}

// Item: unsigned, holds all of a hash but the partition's bits.
template <class Item, class Grams>
class Counting {
 public:
  Counting(const Grams& grams, std::span<const size_t> lengths, ThreadPool& pool)
      : grams_(grams), pieces_(cutAtLengths(lengths, grams.n)), lengths_(lengths.size()), pool_(pool),
        bits_(partitionBits(pieces_.back().end)), partitions_(size_t{1} << bits_), memory_(pieces_.back().end * sizeof(Item)),
        items_(static_cast<Item*>(static_cast<void*>(memory_.data()))),
        starts_(pieces_.size() * partitions_ + 1) {}

  std::vector<std::vector<Occurrences>> run() {
    const int pieces = static_cast<int>(pieces_.size());
    const auto threads = static_cast<size_t>(pool_.threads());
    pool_.run(pieces, false, [&](int piece, int) { measure(static_cast<size_t>(piece)); });
    placePieces();
    std::vector<Scatter<Item>> scatters(threads, Scatter<Item>(items_, partitions_));
    pool_.run(pieces, false, [&](int piece, int worker) {
      scatter(static_cast<size_t>(piece), scatters[static_cast<size_t>(worker)]);
    });
    std::vector<std::vector<Tally>> tallies(threads, std::vector<Tally>(lengths_));
    std::vector<GramTable<Item>> tables(threads);
    pool_.run(static_cast<int>(partitions_), false, [&](int partition, int worker) {
      count(static_cast<size_t>(partition), tables[static_cast<size_t>(worker)], tallies[static_cast<size_t>(worker)]);
    });
    std::vector<std::vector<Occurrences>> out(lengths_);
    for (size_t i = 0; i < lengths_; ++i) {
      for (size_t worker = 1; worker < threads; ++worker) tallies[0][i].add(tallies[worker][i]);
      out[i] = tallies[0][i].occurrences();
    }
    return out;
  }

 private:
  static constexpr int itemBits = std::numeric_limits<Item>::digits;

  template <class Body>
  void eachItem(const Piece& piece, const Body& body) const {
    grams_.hashes(piece.begin, piece.end, [&, bits = bits_](uint64_t hash) {
      body(hash >> 1 >> (63 - bits), static_cast<Item>(hash << bits >> (64 - itemBits)));
    });
  }

  void measure(size_t piece) {
    uint32_t* const sizes = starts_.data() + piece * partitions_;
    eachItem(pieces_[piece], [=](size_t partition, Item) { ++sizes[partition]; });
  }

  // Sizes become the places where each piece's items of each partition start: by partition, then by piece.
  void placePieces() {
    uint32_t place = 0;
    for (size_t partition = 0; partition < partitions_; ++partition) {
      for (size_t piece = 0; piece < pieces_.size(); ++piece) {
        uint32_t& start = starts_[piece * partitions_ + partition];
        const uint32_t size = start;
        start = place;
        place += size;
      }
    }
    starts_.back() = place;
  }

  void scatter(size_t piece, Scatter<Item>& to) const {
    to.open(starts_.data() + piece * partitions_);
    eachItem(pieces_[piece], [&](size_t partition, Item item) { to.add(partition, item); });
    to.close();
  }

  void count(size_t partition, GramTable<Item>& table, std::vector<Tally>& tallies) const {
    const auto differ = [this](Item a, Item b) { return grams_.differ(a, b, bits_); };
    table.clear();
    const Item* from = items_ + starts_[partition];
    for (size_t piece = 0; piece < pieces_.size(); ++piece) {
      const bool last = piece + 1 == pieces_.size();
      // Behind a partition's last piece the next partition's first begins; behind all of them, the end.
      const size_t next = last ? partition + 1 : (piece + 1) * partitions_ + partition;
      const Item* end = items_ + (last && partition + 1 == partitions_ ? starts_.back() : starts_[next]);
      if (pieces_[piece].length < 0) continue;
      table.add(from, end, differ);
      table.tally(tallies[static_cast<size_t>(pieces_[piece].length)]);
      from = end;
    }
  }

  Grams grams_;
  std::vector<Piece> pieces_;
  size_t lengths_;
  ThreadPool& pool_;
  int bits_;  // of a hash that choose the partition
  size_t partitions_;
  HugeBuffer memory_;
  Item* const items_;             // (grams), by partition, in each by position
  std::vector<uint32_t> starts_;  // (pieces, partitions), then their end
};

// Few possible grams in a long text: a counter for each, no hashing.
std::vector<std::vector<Occurrences>> countDirectly(const PackedGrams& grams, std::span<const size_t> lengths,
                                                    ThreadPool& pool) {
  const size_t possible = size_t{1} << grams.bits();
  std::vector<std::vector<uint32_t>> times(static_cast<size_t>(pool.threads()), std::vector<uint32_t>(possible));
  std::vector<std::vector<Occurrences>> out;
  size_t begin = 0;
  for (const size_t length : lengths) {
    const size_t end = length - static_cast<size_t>(grams.n) + 1;
    const size_t pieces = (end - begin + gramsPerPiece - 1) / gramsPerPiece;
    pool.run(static_cast<int>(pieces), false, [&](int piece, int worker) {
      const size_t from = begin + static_cast<size_t>(piece) * gramsPerPiece;
      uint32_t* const mine = times[static_cast<size_t>(worker)].data();
      grams.each(from, std::min(end, from + gramsPerPiece), [=](uint64_t gram) { ++mine[gram]; });
    });
    begin = end;
    Tally tally;
    for (size_t gram = 0; gram < possible; ++gram) {
      uint32_t sum = 0;
      for (const auto& worker : times) sum += worker[gram];
      tally.add(sum, gram);
    }
    out.push_back(tally.occurrences());
  }
  return out;
}

// Bits that the largest id takes, negative ones as unsigned.
int bitsOf(const int32_t* ids, size_t count, ThreadPool& pool) {
  std::vector<uint32_t> seen(static_cast<size_t>(pool.threads()));
  const size_t pieces = (count + gramsPerPiece - 1) / gramsPerPiece;
  pool.run(static_cast<int>(pieces), false, [&](int piece, int worker) {
    const size_t begin = static_cast<size_t>(piece) * gramsPerPiece;
    uint32_t any = 0;
    for (size_t i = begin; i < std::min(count, begin + gramsPerPiece); ++i) any |= static_cast<uint32_t>(ids[i]);
    seen[static_cast<size_t>(worker)] |= any;
  });
  return std::bit_width(std::reduce(seen.begin(), seen.end(), 0u, std::bit_or<>()));
}

}  // namespace

std::vector<std::vector<Occurrences>> gramOccurrences(const int32_t* ids, int n, std::span<const size_t> lengths,
                                                      int threads) {
  if (lengths.empty()) return {};
  ThreadPool pool(lengths.back() <= gramsPerPiece / 8 ? 1 : threads);
  const int idBits = bitsOf(ids, lengths.back(), pool);
  if (static_cast<int64_t>(n) * idBits > 64) return Counting<uint64_t, LongGrams>({ids, n}, lengths, pool).run();
  const PackedGrams grams{ids, n, idBits};
  if (grams.bits() <= mostDirectBits && lengths.back() >> grams.bits() > 0) return countDirectly(grams, lengths, pool);
  if (grams.bits() - partitionBits(lengths.back() - static_cast<size_t>(n) + 1) <= 32) {
    return Counting<uint32_t, PackedGrams>(grams, lengths, pool).run();
  }
  return Counting<uint64_t, PackedGrams>(grams, lengths, pool).run();
}

}  // namespace pathpress
