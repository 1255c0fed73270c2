// Pages that Quest reads against a brute force in double, while the cache grows; and the copy of a page with its keys
// rotated against rotating each key by itself.
#include <algorithm>
#include <cmath>
#include <random>

#include "../engine/page_bounds.h"
#include "check.h"

using namespace pathpress;

namespace {

std::mt19937_64 rng(16);

int below(int n) { return static_cast<int>(rng() % static_cast<uint64_t>(n)); }

int compared = 0, leftOut = 0;

void choice(int group) {
  const int kvHeads = 1 + below(2), dim = 4 + 2 * below(7), entries = 1 + below(200), budget = 1 + below(6);
  const PageLayout page{dim, below(2) ? DType::f32 : DType::bf16};
  BlockPool pool(page.bytes(), size_t{1} << 24);
  Recipe recipe;
  recipe.readPages = budget;
  recipe.denseLayers = 1;
  SequenceCache cache(pool, {2, kvHeads, page}, {});
  PageBounds bounds(recipe, 3, cache.shape());
  CHECK(!bounds.choose(0, 90) && !bounds.choose(1, 2) && bounds.choose(1, 3));
  std::normal_distribution<float> normal;
  PageScratch scratch;
  cache.reserve(entries);
  std::vector<float> key(static_cast<size_t>(dim)), query(static_cast<size_t>(group * dim));
  for (int e = 0, asked = below(40); e < entries; ++e) {
    for (int h = 0; h < kvHeads; ++h) {
      for (float& x : key) x = normal(rng);
      cache.write(1, h, 0, key.data(), key.data());
    }
    cache.commit(1, e);
    if (e != asked && e != entries - 1) continue;
    asked += 1 + below(40);
    const int h = below(kvHeads), seen = e + 1, pages = (seen + 15) / 16;
    for (float& x : query) x = normal(rng);
    const auto ours = bounds.pages(cache, 1, h, seen, query.data(), group, scratch);

    std::vector<double> score(static_cast<size_t>(pages), 0.0);
    for (int p = 0; p < pages; ++p) {
      for (int i = 0; i < dim; ++i) {
        double least = INFINITY, largest = -INFINITY;
        for (int at = 16 * p; at < std::min(seen, 16 * p + 16); ++at) {
          cache.readKey(1, h, at, key.data());
          least = std::min(least, double(key[size_t(i)])), largest = std::max(largest, double(key[size_t(i)]));
        }
        for (int q = 0; q < group; ++q) {
          const double x = query[size_t(q * dim + i)];
          score[size_t(p)] += std::max(x * least, x * largest);
        }
      }
    }
    std::vector<int> want;
    bool clear = true;
    for (int p = 0; p < pages; ++p) {
      int above = 0;
      for (int other = 0; other < pages - 1; ++other) {
        above += score[size_t(other)] > score[size_t(p)];
        clear &= other == p || std::abs(score[size_t(other)] - score[size_t(p)]) > 1e-4;
      }
      if (pages <= budget || p == pages - 1 || above < budget - 1) want.push_back(p);
    }
    ++(clear ? compared : leftOut);
    CHECK(!clear || std::ranges::equal(ours, want));
    int64_t read = 0;
    for (const int p : want) read += std::min(seen, 16 * p + 16) - 16 * p;
    CHECK(!clear || bounds.entriesRead(1, seen) == read);
    CHECK(bounds.entriesRead(0, seen) == seen && bounds.boundBytesRead(0, seen) == 0);
  }
}

void rotation(DType type, RopePairs order) {
  constexpr int dim = 6, pairs = 2;  // channels 4 and 5 stay
  const PageLayout layout{dim, type};
  std::vector<std::byte> page(layout.bytes());
  std::vector<float> cosine, sine, out(2 * pageEntries * dim);
  std::normal_distribution<float> normal;
  float key[dim], value[dim], back[dim];
  for (int slot = 0; slot < pageEntries; ++slot) {
    for (int i = 0; i < dim; ++i) key[i] = normal(rng), value[i] = normal(rng);
    layout.write(page.data(), slot, key, value);
    for (int i = 0; i < pairs; ++i) {
      const float angle = static_cast<float>(slot + 1) / static_cast<float>(i + 2);
      cosine.push_back(std::cos(angle));
      sine.push_back(std::sin(angle));
    }
  }
  layout.copyRotated(page.data(), {order, pairs}, cosine.data(), sine.data(), out.data());
  const PageLayout wide{dim, DType::f32};
  const auto* copy = static_cast<const std::byte*>(static_cast<const void*>(out.data()));
  bool same = true;
  for (int slot = 0; slot < pageEntries; ++slot) {
    layout.readKey(page.data(), slot, key);
    wide.readKey(copy, slot, back);
    for (int i = 0; i < pairs; ++i) {
      const float c = cosine[static_cast<size_t>(slot * pairs + i)], s = sine[static_cast<size_t>(slot * pairs + i)];
      const int a = order == RopePairs::halves ? i : 2 * i, b = order == RopePairs::halves ? i + 2 : 2 * i + 1;
      same &= back[a] == key[a] * c - key[b] * s && back[b] == key[b] * c + key[a] * s;
    }
    same &= back[4] == key[4] && back[5] == key[5];
    layout.readValue(page.data(), slot, value);
    wide.readValue(copy, slot, back);
    same &= std::equal(value, value + dim, back);
  }
  CHECK(same);
}

}  // namespace

int main() {
  for (int repeat = 0; repeat < 60; ++repeat)
    for (const int group : {1, 2, 4, 7}) choice(group);
  std::printf("%d choices compared, %d left out (bounds nearer than 1e-4)\n", compared, leftOut);
  CHECK(compared >= 500);
  CHECK(leftOut * 20 < compared);
  for (const DType type : {DType::f32, DType::bf16})
    for (const RopePairs order : {RopePairs::halves, RopePairs::neighbours}) rotation(type, order);
  return checks();
}
