// The cache in 8 and 4 bits: codes against a quantiser in double precision written here, every kernel's widening against
// it, and attention over caches against double precision over what they should hold: a row's own page in full, those
// before it as the quantiser has them, whatever the chunks that they were fed in.
#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "../models/attention.h"
#include "check.h"

using namespace pathpress;

namespace {

std::mt19937 generator(11);
constexpr float sentinel = 12345.0f;

template <class T>
size_t size(T value) { return static_cast<size_t>(value); }

std::vector<float> noise(size_t count) {
  std::vector<float> values(count);
  const float mean = std::normal_distribution<float>(0, 3)(generator);
  for (float& value : values) value = std::normal_distribution<float>(mean)(generator);
  return values;
}

// The float16 nearest to the value on that side of it, by its steps: 2^-10 of its power of two, 2^-24 at least.
double half(double value, bool up) {
  if (value == 0) return 0;
  const double step = std::ldexp(1.0, std::max(-24, std::ilogb(value) - 10));
  return (up ? std::ceil(value / step) : std::floor(value / step)) * step;
}

// What elements that share a scale and a zero point are once quantised.
std::vector<double> quantised(const std::vector<float>& from, int bits) {
  const double least = *std::min_element(from.begin(), from.end()), largest = *std::max_element(from.begin(), from.end());
  const double levels = std::pow(2.0, bits) - 1, zero = half(least, false), scale = half((largest - zero) / levels, true);
  std::vector<double> out;
  for (const float value : from) {
    out.push_back(scale > 0 ? zero + scale * std::nearbyint((static_cast<double>(value) - zero) / scale) : zero);
    CHECK(std::abs(out.back() - static_cast<double>(value)) <= scale / 2 * (1 + 1e-9));
  }
  return out;
}

// A page of keys and values by entry, and as it is once quantised.
struct Entries {
  std::vector<std::vector<float>> keys, values;
  std::vector<std::vector<double>> coarseKeys, coarseValues;

  Entries(int dim, int count, int bits) {
    for (int e = 0; e < count; ++e) keys.push_back(noise(size(dim))), values.push_back(noise(size(dim)));
    coarseKeys.assign(size(count), std::vector<double>(size(dim)));
    for (int page = 0; page + 16 <= count; page += 16) {
      for (size_t i = 0; i < size(dim); ++i) {
        std::vector<float> channel;
        for (int e = page; e < page + 16; ++e) channel.push_back(keys[size(e)][i]);
        const auto coarse = quantised(channel, bits);
        for (int e = page; e < page + 16; ++e) coarseKeys[size(e)][i] = coarse[size(e - page)];
      }
    }
    for (const auto& value : values) {
      auto& coarse = coarseValues.emplace_back();
      for (size_t first = 0; first < size(dim); first += 32) {
        const std::vector<float> group(value.begin() + static_cast<int64_t>(first),
                                       value.begin() + static_cast<int64_t>(std::min(size(dim), first + 32)));
        for (const double x : quantised(group, bits)) coarse.push_back(x);
      }
    }
  }
};

// A page with sentinels behind it in both forms.
void page(const Kernels& kernels, int dim, int bits) {
  const PageLayout layout{dim, DType::f32, bits};
  const Entries entries(dim, pageEntries, bits);
  std::vector<std::byte> full(layout.fullBytes()), coarse(layout.bytes() + 1, std::byte{0x5A});
  for (int e = 0; e < pageEntries; ++e) layout.write(full.data(), e, entries.keys[size(e)].data(), entries.values[size(e)].data());
  layout.codes().quantise(static_cast<const float*>(static_cast<const void*>(full.data())), coarse.data());
  std::vector<float> wide(2 * size(pageEntries * dim) + 1, sentinel), plain = wide;
  kernels.widen(layout.codes().codes(coarse.data(), wide.data()));
  selectKernels("scalar").widen(layout.codes().codes(coarse.data(), plain.data()));
  const std::string at = std::string(kernels.name) + " dim " + std::to_string(dim) + " bits " + std::to_string(bits);
  CHECK_CASE(coarse.back() == std::byte{0x5A} && wide.back() == sentinel && wide == plain, at);
  int off = 0;
  for (int e = 0; e < pageEntries; ++e) {
    for (size_t i = 0; i < size(dim); ++i) {
      const auto key = static_cast<double>(wide[i * 16 + size(e)]), value = static_cast<double>(wide[size(16 * dim + e * dim) + i]);
      off += std::abs(key - entries.coarseKeys[size(e)][i]) > 1e-6 * (1 + std::abs(key));
      off += std::abs(value - entries.coarseValues[size(e)][i]) > 1e-6 * (1 + std::abs(value));
    }
  }
  CHECK_CASE(off == 0, at);
}

// One sequence of one layer and one key-value head, fed in chunks.
std::vector<float> fed(const Kernels& kernels, const Entries& entries, const std::vector<float>& queries, int dim, int group,
                       int bits, std::span<const int> chunks, int threads) {
  const PageLayout layout{dim, DType::f32, bits};
  BlockPool pool(layout.bytes(), size_t{1} << 28);
  SequenceCache cache(pool, {1, 1, layout}, {});
  ModelConfig config;
  config.headDim = dim, config.kvHeads = 1, config.heads = group;
  const std::vector<float> frequencies;
  const Rotary rotary;
  ThreadPool workers(threads);
  Attention attention(config, rotary, frequencies, kernels, workers, false, ProductInput::bf16);
  const size_t stride = rowStride<float>(size(dim * group));
  std::vector<float> out(queries.size() + 1, sentinel);
  int done = 0;
  for (const int count : chunks) {
    cache.reserve(count);
    std::vector<Row> rows;
    for (int r = 0; r < count; ++r) {
      cache.write(0, 0, r, entries.keys[size(done + r)].data(), entries.values[size(done + r)].data());
      rows.push_back({0, done + r, r, &cache, nullptr, false});
    }
    attention.run(rows, 0, std::span(queries).subspan(size(done) * stride), std::span(out).subspan(size(done) * stride));
    cache.commit(count, done);
    done += count;
    CHECK(cache.bytes() == pool.used() * pool.blockBytes());
  }
  CHECK(out.back() == sentinel);
  const size_t whole = size((done - 1) / pageEntries), open = (layout.fullBytes() + pool.blockBytes() - 1) / pool.blockBytes();
  CHECK(cache.blocks() == whole + open && size(pool.used()) == cache.blocks());
  return out;
}

void attention(const Kernels& kernels, int dim, int group, int bits, int count) {
  const Entries entries(dim, count, bits);
  const size_t stride = rowStride<float>(size(dim * group));
  std::vector<float> queries = noise(size(count) * stride);
  for (float& x : queries) x /= std::sqrt(static_cast<float>(dim));
  const std::vector<int> whole{count}, single(size(count), 1);
  std::vector<int> random;
  for (int left = count; left > 0; left -= random.back()) random.push_back(1 + static_cast<int>(generator() % unsigned(std::min(left, 40))));
  const auto out = fed(kernels, entries, queries, dim, group, bits, single, 1);
  const std::string at = std::string(kernels.name) + " dim " + std::to_string(dim) + " group " + std::to_string(group) +
                         " bits " + std::to_string(bits) + " entries " + std::to_string(count);
  CHECK_CASE(fed(kernels, entries, queries, dim, group, bits, whole, 1) == out, at);
  CHECK_CASE(fed(kernels, entries, queries, dim, group, bits, whole, 3) == out, at);
  CHECK_CASE(fed(kernels, entries, queries, dim, group, bits, random, 2) == out, at);
  double worst = 0;
  for (int row = 0; row < count; ++row) {
    for (int h = 0; h < group; ++h) {
      const size_t first = size(row) * stride + size(h * dim);
      const float* query = queries.data() + first;
      std::vector<double> sums(size(dim)), scores;
      const auto key = [&](int e, size_t i) {
        return e / 16 < row / 16 ? entries.coarseKeys[size(e)][i] : static_cast<double>(entries.keys[size(e)][i]);
      };
      for (int e = 0; e <= row; ++e) {
        double score = 0;
        for (size_t i = 0; i < size(dim); ++i) score += static_cast<double>(query[i]) * key(e, i);
        scores.push_back(score / std::sqrt(static_cast<double>(dim)));
      }
      const double top = *std::max_element(scores.begin(), scores.end());
      double total = 0;
      for (int e = 0; e <= row; ++e) {
        const double weight = std::exp(scores[size(e)] - top);
        total += weight;
        for (size_t i = 0; i < size(dim); ++i) {
          sums[i] += weight * (e / 16 < row / 16 ? entries.coarseValues[size(e)][i]
                                                 : static_cast<double>(entries.values[size(e)][i]));
        }
      }
      for (size_t i = 0; i < size(dim); ++i) {
        worst = std::max(worst, std::abs(sums[i] / total - static_cast<double>(out[first + i])));
      }
    }
  }
  CHECK_CASE(worst <= 5e-5, at + " off by " + std::to_string(worst));
}

}  // namespace

int main() {
  for (const Kernels* kernels : availableKernels()) {
    for (const int bits : {8, 4}) {
      for (const int dim : {2, 3, 6, 8, 16, 24, 32, 34, 48, 64, 80, 96, 100, 128, 256}) page(*kernels, dim, bits);
      for (const int group : {1, 4, 5, 7, 8, 16}) {
        for (const int dim : {6, 20, 64}) attention(*kernels, dim, group, bits, 37 + group);
      }
      attention(*kernels, 64, 3, bits, 48);
      attention(*kernels, 16, 1, bits, 2100);  // cut between threads
    }
  }
  return checks();
}
