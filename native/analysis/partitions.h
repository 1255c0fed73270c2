// Words dealt out to thousands of partitions in one pass, without knowing how many each will get.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "scratch.h"

namespace pathpress {

// Memory handed out by blocks that lie on multiples of their size; each knows the one that follows it.
template <class Word>
class WordBlocks {
 public:
  static constexpr size_t bytes = 2048;

  // Enough for so many words in so many chains of blocks.
  WordBlocks(size_t words, size_t chains)
      : memory_((words * sizeof(Word) / bytes + chains) * bytes), next_(words * sizeof(Word) / bytes + chains),
        first_(static_cast<Word*>(static_cast<void*>(memory_.data()))) {}

  Word* take() { return block(taken_.fetch_add(1, std::memory_order_relaxed)); }
  // `full`: the end of a full block.
  Word* takeAfter(const Word* full) {
    Word* const taken = take();
    next_[indexOf(full - 1)] = static_cast<uint32_t>(indexOf(taken));
    return taken;
  }
  Word* after(const Word* inBlock) const { return block(next_[indexOf(inBlock)]); }

  static bool isEnd(const Word* word) { return reinterpret_cast<uintptr_t>(word) % bytes == 0; }
  static bool sameBlock(const Word* a, const Word* b) {
    return (reinterpret_cast<uintptr_t>(a) ^ reinterpret_cast<uintptr_t>(b)) < bytes;
  }
  static const Word* endOf(const Word* inBlock) {
    return inBlock + (bytes - reinterpret_cast<uintptr_t>(inBlock) % bytes) / sizeof(Word);
  }

 private:
  Word* block(size_t index) const { return first_ + index * (bytes / sizeof(Word)); }
  size_t indexOf(const Word* inBlock) const { return static_cast<size_t>(inBlock - first_) / (bytes / sizeof(Word)); }

  Scratch memory_;
  std::vector<uint32_t> next_;  // (blocks)
  Word* const first_;
  std::atomic<size_t> taken_ = 0;
};

// What one thread deals out: a chain of blocks for each partition.
template <class Word>
class Chains {
 public:
  Chains(WordBlocks<Word>& blocks, size_t partitions) : blocks_(blocks) {
    for (size_t i = 0; i < partitions; ++i) cursors_.push_back(blocks.take());
    starts_ = cursors_;
  }

  // Calls source(add), which calls add(partition, word) for each word.
  template <class Source>
  void deal(const Source& source) {
    source([this, cursors = cursors_.data()](size_t partition, Word word) {
      Word* at = cursors[partition];
      *at++ = word;
      __builtin_prefetch(at + lineBytes / sizeof(Word) - 1, 1);  // a line that was not written to yet is slow to come
      if (WordBlocks<Word>::isEnd(at)) [[unlikely]] at = blocks_.takeAfter(at);
      cursors[partition] = at;
    });
  }

  // What was dealt since the last section's end is one section.
  void endSection() { ends_.push_back(cursors_); }

  // Calls body(from, end, ahead) for a partition's words of a section, run by run; `ahead` is where the next run lies.
  template <class Body>
  void read(size_t partition, size_t section, const Body& body) const {
    const Word* from = section == 0 ? starts_[partition] : ends_[section - 1][partition];
    const Word* const end = ends_[section][partition];
    while (!WordBlocks<Word>::sameBlock(from, end)) {
      const Word* const next = blocks_.after(from);
      body(from, WordBlocks<Word>::endOf(from), next);
      from = next;
    }
    body(from, end, starts_[partition + 1 < starts_.size() ? partition + 1 : partition]);
  }

 private:
  static constexpr size_t lineBytes = 64;

  WordBlocks<Word>& blocks_;
  std::vector<Word*> starts_, cursors_;   // (partitions): the first word, and where the next one goes
  std::vector<std::vector<Word*>> ends_;  // (sections, partitions)
};

}  // namespace pathpress
