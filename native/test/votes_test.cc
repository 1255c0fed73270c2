// What compression is made of, for every instruction set that this processor has: scores of query rows on keys in pages
// and their softmax against double precision, with sentinels behind every output; and entries that move between pages.
#include <cmath>
#include <random>
#include <vector>

#include "../engine/sequence_cache.h"
#include "check.h"

using namespace pathpress;

namespace {

std::mt19937 generator(5);
constexpr float sentinel = 12345.0f;

template <class T>
size_t size(T value) { return static_cast<size_t>(value); }

std::vector<float> gaussian(size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = std::normal_distribution<float>()(generator);
  return values;
}

void scores(const Kernels& kernels, DType type, int dim, int rows, int pages) {
  const PageLayout layout{dim, type};
  std::vector<std::vector<std::byte>> storage(size(pages), std::vector<std::byte>(layout.bytes()));
  std::vector<const std::byte*> at;
  for (auto& page : storage) {
    for (int slot = 0; slot < pageEntries; ++slot) {
      layout.write(page.data(), slot, gaussian(size(dim)).data(), gaussian(size(dim)).data());
    }
    at.push_back(page.data());
  }
  const std::vector<float> queries = gaussian(size(rows * dim));
  const size_t stride = size(pages * pageEntries) + 3;
  std::vector<float> out(size(rows) * stride, sentinel), key(size(dim));
  kernels.scoreKeys({{at.data(), type, 0}, pages, dim, rows, queries.data(), 0.25f, out.data(), stride});
  bool close = true;
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t entry = i % stride, slot = entry % pageEntries;
    if (entry >= stride - 3) {
      close &= out[i] == sentinel;
      continue;
    }
    layout.readKey(at[entry / pageEntries], static_cast<int>(slot), key.data());
    double sum = 0, magnitude = 0;
    for (size_t c = 0; c < key.size(); ++c) {
      const double term = static_cast<double>(queries[i / stride * size(dim) + c]) * static_cast<double>(key[c]);
      sum += term;
      magnitude += std::abs(term);
    }
    close &= std::abs(static_cast<double>(out[i]) - sum / 4) <= 1e-6 * magnitude + 1e-7;
  }
  CHECK_CASE(close, std::string(kernels.name) + " " + dtypeName(type) + " dim " + std::to_string(dim) + " rows " +
                        std::to_string(rows) + " pages " + std::to_string(pages));
}

void softmax(const Kernels& kernels, int count) {
  const size_t padded = size((count + pageEntries - 1) / pageEntries * pageEntries);
  std::vector<float> row = gaussian(padded + 1), before = gaussian(padded + 1);
  for (size_t i = size(count); i < padded; ++i) row[i] = std::nanf("");  // nobody's
  for (float& x : row) x *= 10;
  row.back() = before.back() = sentinel;
  std::vector<float> to = before;
  std::vector<double> expected(size(count));
  double total = 0;
  for (int i = 0; i < count; ++i) total += expected[size(i)] = std::exp(static_cast<double>(row[size(i)]));
  kernels.addSoftmax(row.data(), count, 2.0f, to.data());
  bool close = row.back() == sentinel && to.back() == sentinel;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double wanted = static_cast<double>(before[i]) + 2 * expected[i] / total;
    close &= std::abs(static_cast<double>(to[i]) - wanted) <= 2e-6;
  }
  CHECK_CASE(close, std::string(kernels.name) + " count " + std::to_string(count));
}

// Every kept entry has its key and value after a compaction, whatever it shares its old and its new page with.
void compaction(DType type, int dim, int entries, unsigned keptOfTen) {
  BlockPool pool(PageLayout{dim, type}.bytes(), size_t{1} << 24);
  SequenceCache cache(pool, {1, 1, {dim, type}}, {false, false, true});
  cache.reserve(entries);
  std::vector<std::vector<float>> keys, values;
  for (int e = 0; e < entries; ++e) {
    cache.write(0, 0, e, gaussian(size(dim)).data(), gaussian(size(dim)).data());
    keys.emplace_back(size(dim));
    values.emplace_back(size(dim));
    cache.readKey(0, 0, e, keys.back().data());
    cache.readValue(0, 0, e, values.back().data());
    cache.head(0, 0).masks[size(e)] = static_cast<uint32_t>(e);
  }
  cache.commit(entries, 0);
  std::vector<int32_t> kept;
  for (int e = 0; e < entries; ++e) {
    if (e < entries / 4 || generator() % 10 < keptOfTen) kept.push_back(e);
  }
  cache.compact(0, 0, kept);
  cache.releaseTails();
  bool same = cache.head(0, 0).count == static_cast<int>(kept.size());
  std::vector<float> key(size(dim)), value(size(dim));
  for (size_t i = 0; i < kept.size(); ++i) {
    cache.readKey(0, 0, static_cast<int>(i), key.data());
    cache.readValue(0, 0, static_cast<int>(i), value.data());
    same &= key == keys[size(kept[i])] && value == values[size(kept[i])];
    same &= cache.head(0, 0).masks[i] == static_cast<uint32_t>(kept[i]);
  }
  CHECK_CASE(same, std::string(dtypeName(type)) + " dim " + std::to_string(dim) + " entries " + std::to_string(entries));
}

}  // namespace

int main() {
  for (const DType type : {DType::f32, DType::bf16}) {
    for (const Kernels* kernels : availableKernels()) {
      for (const int dim : {2, 6, 24, 64, 100}) {
        for (int rows = 1; rows <= 19; ++rows) scores(*kernels, type, dim, rows, 1 + static_cast<int>(generator() % 9));
      }
    }
    for (int entries = 1; entries <= 150; ++entries) compaction(type, 1 + entries % 33, entries, entries % 11);
  }
  for (const Kernels* kernels : availableKernels()) {
    for (int count = 1; count <= 70; ++count) softmax(*kernels, count);
  }
  return checks();
}
