// A hash table that counts words: a gram's bits above, its count below.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "grams.h"
#include "tally.h"

namespace pathpress {

// Mostly at most a sixth full: the first look nearly always ends the search, as the processor guesses. Which way it
// ends, by a free slot or by the same gram, cannot be guessed: nothing branches on that.
template <class Word, class Grams>
class GramTable {
 public:
  // For partitions of about so many words.
  GramTable(const Grams& grams, size_t words) : grams_(grams) {
    resize(std::bit_ceil(std::clamp<size_t>(4 * words, 256, 32768)));
  }

  // Keeps the size that it has grown to: partitions are alike.
  void clear() {
    for (const size_t at : frequent_) more_[at] = 0;
    frequent_.clear();
    std::fill(words_.begin(), words_.end(), Word{0});
    used_ = 0;
  }

  // Counts the words [from, end), and fetches as many from `ahead` on for the next time.
  void add(const Word* from, const Word* end, const Word* ahead, Reached& reached) {
    const auto count = static_cast<size_t>(end - from);
    while (used_ + count > words_.size() / 2) rehash(2 * words_.size());
    const uint32_t before = reached.times(0);
    const auto distance = ahead - from;
    size_t steps = 0;
    const auto addOne = [&, table = words_.data(), factor = factor_, shift = shift_](Word word, uint32_t* counts) {
      size_t at = home(word, factor, shift);
      if (isOther(table[at], word)) [[unlikely]] at = search(at, word, steps);
      const Word times = table[at] & countMask;
      const Word after = word + times + 1;
      table[at] = after;
      ++counts[times];
      if ((after & (listed - 1)) == 0) [[unlikely]] addFrequent(at, word, times);
    };
    for (; end - from >= Reached::lanes; from += Reached::lanes) {
      __builtin_prefetch(from + distance);
      for (int lane = 0; lane < Reached::lanes; ++lane) addOne(from[lane], reached.before[lane].data());
    }
    for (; from != end; ++from) addOne(*from, reached.before[0].data());
    used_ += reached.times(0) - before;
    // Words chosen so that they meet in one place, as only who knows the factor can choose them.
    if (steps > mostSteps * (count + 64)) {
      factor_ = static_cast<Word>((uint64_t{std::random_device{}()} << 32 | std::random_device{}()) | 1);
      rehash(words_.size());
    }
  }

  // Appends the times of the frequent grams so far.
  void listFrequent(std::vector<uint32_t>& times) const {
    for (const size_t at : frequent_) times.push_back(more_[at] + static_cast<uint32_t>(words_[at] & countMask));
  }

 private:
  static constexpr Word countMask = (1 << countBits) - 1;
  static constexpr size_t mostSteps = 8;  // a word beyond the first look; half full, random words take less than two

  static size_t home(Word word, Word factor, int shift) {
    return static_cast<size_t>(static_cast<Word>(Grams::key(word) * factor) >> shift);
  }

  // Whether a slot is taken by another gram: both not 0, which compilers would make two branches of.
  bool isOther(Word counted, Word word) const {
    uint64_t least = std::min<uint64_t>(counted, grams_.differ(counted, word));
    asm("" : "+r"(least));
    return least != 0;
  }

  size_t search(size_t at, Word word, size_t& steps) const {
    do {
      at = (at + 1) & (words_.size() - 1);
      ++steps;
    } while (isOther(words_[at], word));
    return at;
  }

  // The gram has now `times` + 1 in its word: it becomes frequent, or the word's count is full.
  void addFrequent(size_t at, Word word, Word times) {
    if (times < listed) return frequent_.push_back(at);
    words_[at] = word + listed;
    more_[at] += listed;
  }

  void resize(size_t slots) {
    words_.assign(slots, 0);
    more_.assign(slots, 0);
    shift_ = std::numeric_limits<Word>::digits - std::countr_zero(slots);
  }

  void rehash(size_t slots) {
    const std::vector<Word> words = std::move(words_);
    const std::vector<uint32_t> more = std::move(more_);
    resize(slots);
    frequent_.clear();
    for (size_t i = 0; i < words.size(); ++i) {
      if (words[i] == 0) continue;
      size_t at = home(words[i] & ~countMask, factor_, shift_);
      while (words_[at] != 0) at = (at + 1) & (slots - 1);
      words_[at] = words[i];
      more_[at] = more[i];
      if ((words[i] & countMask) >= listed) frequent_.push_back(at);
    }
  }

  const Grams& grams_;
  std::vector<Word> words_;       // (slots): 0 where the slot is free
  std::vector<uint32_t> more_;    // (slots): times that the words' counts have no room for
  std::vector<size_t> frequent_;  // slots of the frequent grams
  Word factor_ = static_cast<Word>(goldenRatio);
  size_t used_ = 0;
  int shift_ = 0;
};

}  // namespace pathpress
