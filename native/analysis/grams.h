// n-grams of ids as hashes of 64 bits, and as the words that a table of counts compares.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace pathpress {

constexpr uint64_t goldenRatio = 0x9E3779B97F4A7C15u;  // odd; spreads what is near
constexpr int countBits = 8;                           // the lowest of a word, free for its count

// Calls body(Σ ids[at + k]·factors[k], at) for at in [begin, end).
template <size_t N, class Body>
void eachSum(const int32_t* ids, const std::array<uint64_t, N>& factors, size_t begin, size_t end, const Body& body) {
  for (size_t at = begin; at < end; ++at) {
    uint64_t sum = 0;
    for (size_t k = 0; k < N; ++k) sum += static_cast<uint32_t>(ids[at + k]) * factors[k];
    body(sum, at);
  }
}

// The same for any number of factors; short grams, the usual ones, have a loop each.
template <class Body>
void eachSum(const int32_t* ids, const std::vector<uint64_t>& factors, size_t begin, size_t end, const Body& body) {
  const size_t n = factors.size();
  if (n == 1) return eachSum<1>(ids, {factors[0]}, begin, end, body);
  if (n == 2) return eachSum<2>(ids, {factors[0], factors[1]}, begin, end, body);
  if (n == 3) return eachSum<3>(ids, {factors[0], factors[1], factors[2]}, begin, end, body);
  for (size_t at = begin; at < end; ++at) {
    uint64_t sum = 0;
    for (size_t k = 0; k < n; ++k) sum += static_cast<uint32_t>(ids[at + k]) * factors[k];
    body(sum, at);
  }
}

// Grams whose ids fit 64 bits together. Times an odd number a gram is still that gram; moved to the top of 64 bits, its
// top bits hang on all of it.
class PackedGrams {
 public:
  // `odd` 1: the hash is the gram itself, at the bottom.
  PackedGrams(const int32_t* ids, int n, int idBits, uint64_t odd = goldenRatio) : bits(n * idBits), ids_(ids) {
    const int shift = odd == 1 || bits == 0 ? 0 : 64 - bits;
    for (int k = n - 1; k >= 0; --k) factors_.push_back(odd << shift << (k * idBits));
  }

  template <class Body>
  void each(size_t begin, size_t end, const Body& body) const {
    eachSum(ids_, factors_, begin, end, body);
  }
  // `rest`: a hash without the bits that chose the partition; no more than Word has but for its count's.
  template <class Word>
  static Word word(uint64_t rest, size_t) {
    return static_cast<Word>(rest >> (64 - std::numeric_limits<Word>::digits));
  }
  template <class Word>
  static Word key(Word word) {
    return word;
  }
  template <class Word>
  static Word differ(Word counted, Word word) {
    return static_cast<Word>(counted ^ word) >> countBits;
  }

  int bits;

 private:
  const int32_t* ids_;
  std::vector<uint64_t> factors_;  // (n)
};

// Any others: 24 bits of a hash, 32 of the position; grams of equal hashes are compared id by id.
class LongGrams {
 public:
  LongGrams(const int32_t* ids, int n) : ids_(ids) {
    uint64_t factor = goldenRatio;
    for (int k = 0; k < n; ++k) factors_.push_back(factor *= 0xD6E8FEB86659FD93u);
  }

  template <class Body>
  void each(size_t begin, size_t end, const Body& body) const {
    const auto hashed = [&body](uint64_t sum, size_t at) { body((sum ^ sum >> 32) * goldenRatio, at); };
    eachSum(ids_, factors_, begin, end, hashed);
  }
  template <class Word>
  static Word word(uint64_t rest, size_t at) {
    return key(rest) | at << countBits;
  }
  template <class Word>
  static Word key(Word word) {
    return word >> 40 << 40;
  }
  uint64_t differ(uint64_t counted, uint64_t word) const {
    if (key(counted ^ word) != 0) return 1;
    const int32_t* left = ids_ + static_cast<uint32_t>(counted >> countBits);
    return !std::equal(left, left + factors_.size(), ids_ + static_cast<uint32_t>(word >> countBits));
  }

 private:
  const int32_t* ids_;
  std::vector<uint64_t> factors_;  // (n)
};

}  // namespace pathpress
