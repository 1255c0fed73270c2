// Radix partitioning, then one small hash table a partition. Each gram becomes a 64-bit item whose high bits are a hash:
// the top bits choose the partition, the next ones the slot of a table that fits the first or second cache. Within a
// partition items lie in the text's order, so a table can be read off at each length and then count on. What comes out
// are whole numbers added up, so neither the threads nor the partitions show in the result.
#include "gram_counts.h"

#include <memory>

#include "../engine/thread_pool.h"
#include "gram_table.h"

namespace pathpress {
namespace {

constexpr size_t gramsPerPartition = 4096;
constexpr int mostPartitionBits = 11;
constexpr size_t gramsPerPiece = size_t{1} << 18;
constexpr int mostDirectBits = 20;  // counters of so many bits fit the second cache or nearly

// A bijection of 64 bits whose result depends on all of them, in its high bits at least.
uint64_t mixed(uint64_t x) {
  x *= 0x9E3779B97F4A7C15u;
  x ^= x >> 32;
  return x * 0xD6E8FEB86659FD93u;
}

// Grams whose ids, from the least one on, fit 64 bits together: the item is the gram itself, mixed.
struct PackedGrams {
  const int32_t* ids;
  int n;
  int bits;
  int32_t least;

  uint64_t packed(size_t at) const {
    uint64_t packed = 0;
    for (int k = 0; k < n; ++k) packed = packed << bits | id(at + static_cast<size_t>(k));
    return packed;
  }
  uint64_t item(size_t at) const { return mixed(packed(at)); }
  uint32_t id(size_t at) const { return static_cast<uint32_t>(ids[at]) - static_cast<uint32_t>(least); }
  bool same(uint64_t a, uint64_t b) const { return a == b; }
};

// Any others: half a hash, half the position, and grams of equal hashes are compared id by id.
struct LongGrams {
  const int32_t* ids;
  int n;

  uint64_t item(size_t at) const {
    uint64_t hash = 0;
    for (int k = 0; k < n; ++k) hash = mixed(hash ^ static_cast<uint32_t>(ids[at + static_cast<size_t>(k)]));
    return (hash >> 32 << 32) | at;
  }
  bool same(uint64_t a, uint64_t b) const {
    const int32_t* left = ids + static_cast<uint32_t>(a);
    return std::equal(left, left + n, ids + static_cast<uint32_t>(b));
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

template <class Grams>
class Counting {
 public:
  Counting(const Grams& grams, std::span<const size_t> lengths, int threads)
      : grams_(grams), pieces_(cutAtLengths(lengths, grams.n)), lengths_(lengths.size()),
        total_(pieces_.back().end), pool_(total_ <= gramsPerPiece / 4 ? 1 : threads) {
    while (partitionBits_ < mostPartitionBits && total_ >> partitionBits_ > gramsPerPartition) ++partitionBits_;
    partitions_ = size_t{1} << partitionBits_;
  }

  std::vector<std::vector<Occurrences>> run() {
    items_ = std::make_unique_for_overwrite<uint64_t[]>(total_);
    starts_.assign(pieces_.size() * partitions_, 0);
    const int pieces = static_cast<int>(pieces_.size());
    pool_.run(pieces, false, [&](int piece, int) { measure(pieces_[piece], starts_.data() + piece * partitions_); });
    placePieces();
    pool_.run(pieces, false, [&](int piece, int) { scatter(pieces_[piece], starts_.data() + piece * partitions_); });
    std::vector<std::vector<Tally>> tallies(static_cast<size_t>(pool_.threads()), std::vector<Tally>(lengths_));
    std::vector<GramTable> tables(static_cast<size_t>(pool_.threads()), GramTable(partitionBits_));
    pool_.run(static_cast<int>(partitions_), false, [&](int partition, int worker) {
      count(static_cast<size_t>(partition), tables[static_cast<size_t>(worker)], tallies[static_cast<size_t>(worker)]);
    });
    std::vector<std::vector<Occurrences>> out(lengths_);
    for (size_t i = 0; i < lengths_; ++i) {
      for (size_t worker = 1; worker < tallies.size(); ++worker) tallies[0][i].add(tallies[worker][i]);
      out[i] = tallies[0][i].occurrences();
    }
    return out;
  }

 private:
  size_t partitionOf(uint64_t item) const { return partitionBits_ == 0 ? 0 : item >> (64 - partitionBits_); }

  void measure(const Piece& piece, uint32_t* sizes) const {
    for (size_t at = piece.begin; at < piece.end; ++at) ++sizes[partitionOf(grams_.item(at))];
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
  }

  // Leaves in `places` where the piece's items of each partition end.
  void scatter(const Piece& piece, uint32_t* places) {
    for (size_t at = piece.begin; at < piece.end; ++at) {
      const uint64_t item = grams_.item(at);
      items_[places[partitionOf(item)]++] = item;
    }
  }

  void count(size_t partition, GramTable& table, std::vector<Tally>& tallies) const {
    const auto same = [this](uint64_t a, uint64_t b) { return grams_.same(a, b); };
    table.clear();
    size_t at = partition == 0 ? 0 : starts_[(pieces_.size() - 1) * partitions_ + partition - 1];
    for (size_t piece = 0; piece < pieces_.size(); ++piece) {
      const size_t end = starts_[piece * partitions_ + partition];
      for (; at < end; ++at) table.add(items_[at], same);
      if (pieces_[piece].length >= 0) table.tally(tallies[static_cast<size_t>(pieces_[piece].length)]);
    }
  }

  Grams grams_;
  std::vector<Piece> pieces_;
  size_t lengths_, total_;
  ThreadPool pool_;
  int partitionBits_ = 0;
  size_t partitions_ = 1;
  std::unique_ptr<uint64_t[]> items_;  // (total), by partition, in each by position
  std::vector<uint32_t> starts_;       // (pieces, partitions)
};

// Few possible grams in a long text: a counter for each, no hashing.
std::vector<std::vector<Occurrences>> countDirectly(const PackedGrams& grams, int bits, std::span<const size_t> lengths) {
  std::vector<uint32_t> times(size_t{1} << bits);
  std::vector<std::vector<Occurrences>> out;
  size_t at = 0;
  for (const size_t length : lengths) {
    for (; at + static_cast<size_t>(grams.n) <= length; ++at) ++times[grams.packed(at)];
    Tally tally;
    for (const uint32_t count : times) tally.add(count);
    out.push_back(tally.occurrences());
  }
  return out;
}

}  // namespace

std::vector<std::vector<Occurrences>> gramOccurrences(const int32_t* ids, int n, std::span<const size_t> lengths,
                                                      int threads) {
  if (lengths.empty()) return {};
  const auto [least, most] = std::minmax_element(ids, ids + lengths.back());
  const int bits = std::bit_width(static_cast<uint32_t>(*most) - static_cast<uint32_t>(*least));
  if (static_cast<int64_t>(n) * bits <= mostDirectBits && lengths.back() >> (n * bits) > 0) {
    return countDirectly(PackedGrams{ids, n, bits, *least}, n * bits, lengths);
  }
  if (static_cast<int64_t>(n) * bits <= 64) {
    return Counting(PackedGrams{ids, n, bits, *least}, lengths, threads).run();
  }
  return Counting(LongGrams{ids, n}, lengths, threads).run();
}

}  // namespace pathpress
