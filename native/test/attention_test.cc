// Attention of every instruction set that this processor has: its kernels against a reference in double precision written
// here, with sentinels behind every output; and the whole over caches, whose bits no company and no thread may change.
#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "../cpu/simd_scores.h"
#include "../models/attention.h"
#include "check.h"

using namespace pathpress;

namespace {

std::mt19937 generator(3);
constexpr float sentinel = 12345.0f;

template <class T>
size_t size(T value) { return static_cast<size_t>(value); }

std::vector<float> gaussian(size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = std::normal_distribution<float>()(generator);
  return values;
}

// Pages with storage of exactly their size, so that a read past the end is a read past an allocation.
struct Pages {
  PageLayout layout;
  std::vector<std::vector<std::byte>> storage;
  std::vector<const std::byte*> pages;
  int entries;

  Pages(int dim, DType type, int count) : layout{dim, type}, entries(count) {
    for (int e = 0; e < count; ++e) {
      if (e % pageEntries == 0) storage.emplace_back(layout.bytes(), std::byte{0xFF});  // slots not written hold NaN
      layout.write(storage.back().data(), e % pageEntries, gaussian(size(dim)).data(), gaussian(size(dim)).data());
    }
    for (auto& page : storage) pages.push_back(page.data());
  }
};

struct Case {
  int dim, group, entries, rows;  // the last row sees all entries
  bool masked;
  DType type;
  bool rounded;  // queries and weights
};

std::string name(const Kernels& kernels, const Case& c) {
  return std::string(kernels.name) + " " + dtypeName(c.type) + " dim " + std::to_string(c.dim) + " group " +
         std::to_string(c.group) + " entries " + std::to_string(c.entries) + " rows " + std::to_string(c.rows) +
         (c.masked ? " masked" : "") + (c.rounded ? " rounded" : "");
}

// One query head of one row in double precision: its output, and its softmax added to `mean`. `given` (pieces of `stride`):
// the kernel's own weights, which decide what rounding makes of one.
std::vector<double> expected(const Case& c, const Pages& cache, const float* query, const std::vector<uint32_t>& masks,
                             int head, int entries, std::vector<double>& mean, const float* given, size_t stride) {
  const auto rounded = [&](float value) { return static_cast<double>(c.rounded ? roundTo(value, DType::bf16) : value); };
  std::vector<double> out(size(c.dim)), weights(size(entries));
  std::vector<float> key(size(c.dim)), value(size(c.dim));
  double total = 0;
  for (int e = 0; e < entries; ++e) {
    if (!((masks[size(e)] >> head) & 1u)) continue;
    const std::byte* page = cache.pages[size(e / pageEntries)];
    cache.layout.readKey(page, e % pageEntries, key.data());
    cache.layout.readValue(page, e % pageEntries, value.data());
    double score = 0;
    for (size_t i = 0; i < key.size(); ++i) score += rounded(query[i]) * static_cast<double>(key[i]);
    total += weights[size(e)] = std::exp(score / std::sqrt(static_cast<double>(c.dim)));
    const float own = given[size(e / pieceEntries) * stride + size(e % pieceEntries)];
    const double weight = weights[size(e)] * (own > 0 ? rounded(own) / static_cast<double>(own) : 1.0);
    for (size_t i = 0; i < value.size(); ++i) out[i] += weight * static_cast<double>(value[i]);
  }
  for (double& x : out) x /= total;
  for (size_t e = 0; e < weights.size(); ++e) mean[e] += weights[e] / total / c.group;
  return out;
}

void attention(const Kernels& kernels, const Case& c) {
  const Pages cache(c.dim, c.type, c.entries);
  const int pieces = (c.entries - 1) / pieceEntries + 1, queries = c.rows * c.group, first = c.entries - c.rows + 1;
  std::vector<uint32_t> masks(size(c.entries), ~0u);
  for (int e = 0; e < first - 1 && c.masked; ++e) masks[size(e)] = generator();
  const std::vector<float> query = gaussian(size(queries * c.dim));
  // A sentinel behind each piece's part of each output.
  const size_t scoreWidth = size(queries * pieceEntries) + 1, sumWidth = size(queries * c.dim);
  std::vector<float> scores(size(pieces) * scoreWidth, sentinel), sums(size(pieces) * sumWidth + 1, sentinel);
  std::vector<float> tops(size(pieces * queries) + 1, sentinel), totals = tops;
  bool close = true;
  for (int p = 0; p < pieces; ++p) {
    const int page = p * piecePages, all = static_cast<int>(cache.pages.size()), after = std::min(all, page + piecePages);
    const auto attend = c.rounded && kernels.bf16 ? kernels.bf16->attend : kernels.attend;
    attend({cache.pages.data() + page, cache.pages.data() + after, all - after, cache.pages.data(), std::min(all, 3),
            p % 2 * (after - page + 1), c.group % 2 == 0, first - p * pieceEntries, c.rows, c.group, c.dim, c.type,
            1.0f / std::sqrt(static_cast<float>(c.dim)), c.rounded, query.data(),
            c.masked ? masks.data() + p * pieceEntries : nullptr, scores.data() + size(p) * scoreWidth,
            sums.data() + size(p) * sumWidth, tops.data() + p * queries, totals.data() + p * queries});
    close &= scores[size(p + 1) * scoreWidth - 1] == sentinel && sums[size(p + 1) * sumWidth] == sentinel;
    close &= tops[size((p + 1) * queries)] == sentinel && totals[size((p + 1) * queries)] == sentinel;
  }
  std::vector<float> kept;  // as join reads them: (pieces, group, 256)
  for (int p = 0; p < pieces; ++p) {
    const auto at = scores.begin() + p * static_cast<int64_t>(scoreWidth);
    kept.insert(kept.end(), at, at + static_cast<int64_t>(scoreWidth) - 1);
  }
  for (int r = 0; r < c.rows; ++r) {
    const int entries = first + r, at = r * c.group;
    std::vector<float> out(size(c.group * c.dim) + 1, sentinel), plain = out;
    std::vector<float> weights(size((entries + pageEntries - 1) / pageEntries * pageEntries) + 1, sentinel);
    AttentionJoin join{entries, c.group, c.dim, queries, sums.data() + at * c.dim, tops.data() + at, totals.data() + at,
                       plain.data(), nullptr, nullptr};
    kernels.join(join);
    join.out = out.data();
    join.scores = kept.data();
    join.weights = c.rows == 1 ? weights.data() : nullptr;
    kernels.join(join);
    close &= out.back() == sentinel && plain == out && weights.back() == sentinel;
    std::vector<double> mean(size(entries));
    for (int h = 0; h < c.group; ++h) {
      const auto wanted = expected(c, cache, query.data() + (at + h) * c.dim, masks, h, entries, mean,
                                   kept.data() + (at + h) * pieceEntries, size(queries * pieceEntries));
      for (int i = 0; i < c.dim; ++i) {
        close &= std::abs(static_cast<double>(out[size(h * c.dim + i)]) - wanted[size(i)]) <= 5e-6;
      }
    }
    for (int e = 0; e < entries && join.weights; ++e) {
      close &= std::abs(static_cast<double>(weights[size(e)]) - mean[size(e)]) <= 2e-6;
    }
  }
  CHECK_CASE(close, name(kernels, c));
}

// Every page of a run of readings (pages of each) is fetched once, before it is read, and a piece ahead where that is known.
void fetching(std::span<const int> readings) {
  const size_t bytes = PageLayout{8, DType::bf16}.bytes();
  std::vector<std::vector<std::byte>> storage;
  std::vector<std::vector<const std::byte*>> pages(readings.size() + 1);
  std::vector<const std::byte*> order;
  for (size_t r = 0; r < readings.size(); ++r) {
    for (int i = 0; i < readings[r]; ++i) pages[r].push_back(storage.emplace_back(bytes).data());
    order.insert(order.end(), pages[r].begin(), pages[r].end());
  }
  std::map<const std::byte*, int> halves;
  bool once = true, early = true;
  size_t place = 0;
  int fetched = 0;
  for (size_t r = 0; r < readings.size(); ++r) {
    const int all = readings[r], then = std::min(piecePages, static_cast<int>(pages[r + 1].size()));
    for (int page = 0; page < all; page += piecePages) {
      const int own = std::min(all - page, piecePages), after = page + own;
      AttentionTask task{};
      task.pages = pages[r].data() + page;
      task.next = pages[r].data() + after, task.nextPages = all - after;
      task.then = pages[r + 1].data(), task.thenPages = then;
      task.fetched = fetched, task.dim = 8;
      const Ahead<ElementBf16> ahead{task, own};
      for (int i = fetched; i < own; ++i) halves[task.pages[i]] += 2;
      for (int i = 0; i < own; ++i) early &= halves[task.pages[i]] == 2;
      for (int n = 0; n < ahead.halves; ++n) {
        const auto* half = static_cast<const std::byte*>(static_cast<const void*>(ahead.later(n)));
        ++halves[(n + 2 * std::max(0, fetched - own)) % 2 ? half - bytes / 2 : half];
      }
      early &= !ahead.later(ahead.halves);
      fetched = fetchedAhead(task);
      place += static_cast<size_t>(own);
      for (int i = 0; i < std::min(piecePages, all - after + then); ++i) early &= halves[order[place + size(i)]] == 2;
    }
  }
  for (const auto& page : storage) once &= halves[page.data()] == 2;
  CHECK(once && early);
}

// Sequences of several lengths in one batch, one of them with several rows (a chunk of its prompt).
struct Batch {
  ModelConfig config;
  BlockPool pool;
  std::vector<std::unique_ptr<SequenceCache>> caches;
  std::vector<Row> rows;
  std::vector<float> query;

  Batch(int dim, int group, int kvHeads, std::span<const int> entries, std::span<const int> counts)
      : pool(PageLayout{dim, DType::bf16}.bytes(), size_t{1} << 30) {
    config.headDim = dim;
    config.kvHeads = kvHeads;
    config.heads = kvHeads * group;
    for (size_t s = 0; s < entries.size(); ++s) {
      caches.push_back(std::make_unique<SequenceCache>(pool, CacheShape{1, kvHeads, {dim, DType::bf16}}, CacheTracking{}));
      SequenceCache& cache = *caches.back();
      cache.reserve(entries[s] + counts[s]);
      for (int e = 0; e < entries[s] + counts[s]; ++e) {
        for (int h = 0; h < kvHeads; ++h) cache.write(0, h, e, gaussian(size(dim)).data(), gaussian(size(dim)).data());
      }
      cache.commit(entries[s], 0);
      for (int r = 0; r < counts[s]; ++r) rows.push_back({0, entries[s] + r, r, &cache, nullptr, false});
    }
    query = gaussian(rows.size() * rowStride<float>(size(config.queryWidth())));
  }

  std::vector<float> run(const Kernels& kernels, int threads, size_t first, size_t count, ProductInput products,
                         bool near = false) {
    const std::vector<float> frequencies;
    const Rotary rotary;
    ThreadPool pool(threads);
    Attention attention(config, rotary, frequencies, kernels, pool, near, products);
    const size_t stride = rowStride<float>(size(config.queryWidth()));
    std::vector<float> mixed(count * stride);
    attention.run({rows.data() + first, count}, 0, std::span(query).subspan(first * stride), mixed);
    return mixed;
  }
};

void company(const Kernels& kernels, int dim, int group, int kvHeads, ProductInput products) {
  const int entries[] = {2600, 0, 254, 4100, 17}, counts[] = {1, 40, 9, 1, 1};
  Batch batch(dim, group, kvHeads, entries, counts);
  const std::vector<float> together = batch.run(kernels, 1, 0, batch.rows.size(), products);
  const char* seen = products == ProductInput::bf16 ? " rounded" : "";
  const std::string at = std::string(kernels.name) + seen + " dim " + std::to_string(dim) + " group " + std::to_string(group);
  CHECK_CASE(batch.run(kernels, 2, 0, batch.rows.size(), products) == together, at);
  CHECK_CASE(batch.run(kernels, 3, 0, batch.rows.size(), products) == together, at);
  for (const int threads : {1, 2}) {
    CHECK_CASE(batch.run(kernels, threads, 0, batch.rows.size(), products, true) == together, at);
  }
  if (products == ProductInput::bf16) {  // which rounds, though no more than by 1/256 of the largest value
    const std::vector<float> plain = batch.run(kernels, 1, 0, batch.rows.size(), ProductInput::float32);
    float off = 0;
    for (size_t i = 0; i < plain.size(); ++i) off = std::max(off, std::abs(plain[i] - together[i]));
    CHECK_CASE(off > 1e-4f && off < 0.04f, at + ": " + std::to_string(off));
  }
  std::vector<float> alone;
  for (size_t r = 0; r < batch.rows.size(); ++r) {
    const std::vector<float> one = batch.run(kernels, 1 + static_cast<int>(r % 3), r, 1, products);
    alone.insert(alone.end(), one.begin(), one.end());
  }
  CHECK_CASE(alone == together, at);
}

}  // namespace

int main() {
  for (const auto& readings : {std::vector{1}, {16, 16}, {33, 33, 33}, {34, 1, 40, 3, 5, 16, 31, 2, 2, 48}}) fetching(readings);
  for (const Kernels* kernels : availableKernels()) {
    const auto some = [](unsigned most) { return static_cast<int>(generator() % most); };
    for (const auto& [type, rounded] : {std::pair{DType::f32, false}, {DType::bf16, false}, {DType::bf16, true}}) {
      for (const int dim : {2, 6, 8, 10, 16, 20, 24, 32, 34, 64, 100, 128}) {
        for (const int group : {1, 2, 3, 4, 5, 6, 7, 8, 13, 16}) {
          const int rows = 1 + some(3);
          attention(*kernels, {dim, group, rows + some(90), rows, group % 2 == 0, type, rounded});
          attention(*kernels, {dim, group, 230 + some(90), 1, group % 2 == 1, type, rounded});
        }
      }
      for (int entries = 1; entries <= 67; ++entries) attention(*kernels, {10, 2, entries, 1, entries % 3 == 0, type, rounded});
      for (int entries = 250; entries <= 262; ++entries) attention(*kernels, {10, 3, entries, 5, entries % 3 == 0, type, rounded});
      for (const int entries : {511, 512, 513, 769}) attention(*kernels, {40, 5, entries, 1, entries % 2 == 0, type, rounded});
    }
    for (const ProductInput products : {ProductInput::float32, ProductInput::bf16}) {
      for (const int group : {1, 4, 5, 7, 8, 16}) company(*kernels, 24, group, group > 4 ? 1 : 3, products);
      for (const int dim : {2, 10, 34}) company(*kernels, dim, 3, 2, products);
    }
  }
  return checks();
}
