// Radix partitioning in one pass, then one small hash table a partition. The top bits of a gram's hash choose its
// partition, the rest is a word in which the table counts too, so that a look touches one line of the cache. What comes
// out are whole numbers added up, so neither the threads nor the partitions show in the result.
#include "gram_counts.h"

#include <functional>
#include <numeric>

#include "../engine/thread_pool.h"
#include "gram_table.h"
#include "grams.h"
#include "partitions.h"
#include "tally.h"

namespace pathpress {
namespace {

constexpr size_t gramsPerPartition = 5120;  // their table fits the second cache
constexpr int mostPartitionBits = 13;
constexpr size_t gramsPerPiece = size_t{1} << 17;
constexpr int mostDirectBits = 20;  // counters of so many bits fit the second cache or nearly

// At least one, and so many that the rest of the hash and a count fit a word of 64 bits.
int partitionBits(size_t grams, int hashBits) {
  int bits = std::max(1, hashBits + countBits - 64);
  while (bits < mostPartitionBits && grams >> bits > gramsPerPartition) ++bits;
  return bits;
}

// Grams [begin, end): those that a length has more than the length before it.
struct Section {
  size_t begin, end;
};

std::vector<Section> sectionsOf(std::span<const size_t> lengths, int n) {
  std::vector<Section> sections;
  for (const size_t length : lengths) {
    sections.push_back({sections.empty() ? 0 : sections.back().end, length - static_cast<size_t>(n) + 1});
  }
  return sections;
}

// body(begin, end, worker), on all threads.
template <class Body>
void eachPiece(const Section& section, ThreadPool& pool, const Body& body) {
  const size_t pieces = (section.end - section.begin + gramsPerPiece - 1) / gramsPerPiece;
  pool.run(static_cast<int>(pieces), false, [&](int piece, int worker) {
    const size_t begin = section.begin + static_cast<size_t>(piece) * gramsPerPiece;
    body(begin, std::min(section.end, begin + gramsPerPiece), static_cast<size_t>(worker));
  });
}

// Word: unsigned, holds all of a hash but the partition's bits, and a count.
template <class Word, class Grams>
std::vector<std::vector<Occurrences>> countInPartitions(const Grams& grams, int partitionBits,
                                                        std::span<const Section> sections, ThreadPool& pool) {
  const size_t partitions = size_t{1} << partitionBits, total = sections.back().end;
  const auto threads = static_cast<size_t>(pool.threads());
  WordBlocks<Word> blocks(total, threads * partitions);
  std::vector<Chains<Word>> chains;
  for (size_t i = 0; i < threads; ++i) chains.emplace_back(blocks, partitions);
  for (const Section& section : sections) {
    eachPiece(section, pool, [&](size_t begin, size_t end, size_t worker) {
      chains[worker].deal([&, shift = 64 - partitionBits, drop = uint64_t{partitions}](const auto& add) {
        grams.each(begin, end, [&](uint64_t hash, size_t at) {
          add(hash >> shift, Grams::template word<Word>(hash * drop, at));
        });
      });
    });
    for (Chains<Word>& chain : chains) chain.endSection();
  }

  std::vector<std::vector<Reached>> reached(threads, std::vector<Reached>(sections.size()));
  std::vector<std::vector<std::vector<uint32_t>>> frequent(threads);  // (threads, sections, grams)
  for (auto& worker : frequent) worker.resize(sections.size());
  std::vector<GramTable<Word, Grams>> tables(threads, GramTable<Word, Grams>(grams, total / partitions));
  pool.run(static_cast<int>(partitions), false, [&](int partition, int worker) {
    const auto mine = static_cast<size_t>(worker);
    tables[mine].clear();
    for (size_t i = 0; i < sections.size(); ++i) {
      for (const Chains<Word>& chain : chains) {
        chain.read(static_cast<size_t>(partition), i, [&](const Word* from, const Word* end, const Word* ahead) {
          tables[mine].add(from, end, ahead, reached[mine][i]);
        });
      }
      tables[mine].listFrequent(frequent[mine][i]);
    }
  });

  std::vector<std::vector<Occurrences>> out;
  Tally rare;  // grows from section to section, as the text does
  for (size_t i = 0; i < sections.size(); ++i) {
    for (size_t worker = 0; worker < threads; ++worker) rare.add(reached[worker][i]);
    Tally tally = rare;
    for (const auto& worker : frequent) {
      tally.frequent.insert(tally.frequent.end(), worker[i].begin(), worker[i].end());
    }
    out.push_back(tally.occurrences());
  }
  return out;
}

// Few possible grams in a long text: a counter for each, no hashing.
std::vector<std::vector<Occurrences>> countDirectly(const PackedGrams& grams, std::span<const Section> sections,
                                                    ThreadPool& pool) {
  const size_t possible = size_t{1} << grams.bits;
  std::vector<std::vector<uint32_t>> times(static_cast<size_t>(pool.threads()), std::vector<uint32_t>(possible));
  std::vector<std::vector<Occurrences>> out;
  for (const Section& section : sections) {
    eachPiece(section, pool, [&](size_t begin, size_t end, size_t worker) {
      grams.each(begin, end, [mine = times[worker].data()](uint64_t gram, size_t) { ++mine[gram]; });
    });
    Tally tally;
    for (size_t gram = 0; gram < possible; ++gram) {
      uint32_t sum = 0;
      for (const auto& worker : times) sum += worker[gram];
      tally.add(sum);
    }
    out.push_back(tally.occurrences());
  }
  return out;
}

// Bits that the largest id takes, negative ones as unsigned.
int bitsOf(const int32_t* ids, size_t count, ThreadPool& pool) {
  std::vector<uint32_t> seen(static_cast<size_t>(pool.threads()));
  eachPiece({0, count}, pool, [&](size_t begin, size_t end, size_t worker) {
    uint32_t any = 0;
    for (size_t i = begin; i < end; ++i) any |= static_cast<uint32_t>(ids[i]);
    seen[worker] |= any;
  });
  return std::bit_width(std::reduce(seen.begin(), seen.end(), 0u, std::bit_or<>()));
}

}  // namespace

std::vector<std::vector<Occurrences>> gramOccurrences(const int32_t* ids, int n, std::span<const size_t> lengths,
                                                      int threads) {
  if (lengths.empty()) return {};
  const std::vector<Section> sections = sectionsOf(lengths, n);
  const size_t total = sections.back().end;
  ThreadPool pool(static_cast<int>(std::min<size_t>(std::max(threads, 1), total / (gramsPerPiece / 2) + 1)));
  const int idBits = bitsOf(ids, lengths.back(), pool);
  const int64_t bits = int64_t{n} * idBits;
  if (bits > 64) {
    return countInPartitions<uint64_t>(LongGrams(ids, n), partitionBits(total, 0), sections, pool);
  }
  if (bits <= mostDirectBits && total >> bits > 0) return countDirectly(PackedGrams(ids, n, idBits, 1), sections, pool);
  const PackedGrams grams(ids, n, idBits);
  const int dropped = partitionBits(total, grams.bits);
  // One bit more pays where it halves the words.
  if (grams.bits - (dropped + 1) + countBits <= 32) return countInPartitions<uint32_t>(grams, dropped + 1, sections, pool);
  return countInPartitions<uint64_t>(grams, dropped, sections, pool);
}

}  // namespace pathpress
