#include "attention.h"

#include <algorithm>
#include <cmath>

namespace pathpress {
namespace {

constexpr size_t smallWork = 1 << 15;  // multiplications below which waking a thread costs more than it brings

template <class T>
size_t size(T value) { return static_cast<size_t>(value); }

// Entries that a row sees of a head, rounded up to whole pages; a policy that records attention keeps heads even.
size_t paddedEntries(const Row& row, int layer) {
  const size_t entries = size(row.cache->head(layer, 0).count + row.offset + 1);
  return (entries + pageEntries - 1) / pageEntries * pageEntries;
}

void grow(std::vector<float>& buffer, size_t floats) {
  if (buffer.size() < floats) buffer.resize(floats);
}

}  // namespace

Attention::Attention(const ModelConfig& config, const Rotary& rotary, const std::vector<float>& inverseFrequencies,
                     const Kernels& kernels, ThreadPool& threads, bool near, ProductInput products)
    : config_(config), rotary_(rotary), inverseFrequencies_(inverseFrequencies), kernels_(kernels), threads_(threads),
      near_(near), rounded_(products == ProductInput::bf16), queryStride_(rowStride<float>(size(config.queryWidth()))),
      scratch_(size(threads.threads())) {}

void Attention::prepare(std::span<const Row> rows) {
  const size_t half = inverseFrequencies_.size();
  size_t places = 0;
  for (const Row& row : rows) {
    if (row.side && row.side->rotatedAtReading) places = std::max(places, size(row.position) + pageEntries);
  }
  for (size_t place = half ? placeCosine_.size() / half : places; place < places; ++place) {
    for (const float frequency : inverseFrequencies_) {
      placeCosine_.push_back(std::cos(static_cast<float>(place) * frequency) * rotary_.scale);
      placeSine_.push_back(std::sin(static_cast<float>(place) * frequency) * rotary_.scale);
    }
  }
}

void Attention::run(std::span<const Row> rows, int layer, std::span<const float> query, std::span<float> mixed) {
  if (std::min(query.size(), mixed.size()) < rows.size() * queryStride_) {
    throw std::length_error("attention: rows closer than rowStride()");
  }
  closePages(rows, layer);
  attend(rows, layer, query.data(), mixed.data());
  observe(rows, layer);
}

// What the rows make whole of a quantised cache is quantised before they read: those of later pages see it so.
void Attention::closePages(std::span<const Row> rows, int layer) {
  std::vector<size_t> last;  // rows of sequences
  for (size_t r = 0; r < rows.size(); ++r) {
    const bool ends = r + 1 == rows.size() || rows[r + 1].offset == 0;
    if (ends && rows[r].cache->shape().page.quantised()) last.push_back(r);
  }
  const int kvHeads = config_.kvHeads;
  threads_.run(static_cast<int>(last.size()) * kvHeads, last.size() < 4, [&](int task, int) {
    const Row& row = rows[last[size(task / kvHeads)]];
    row.cache->close(layer, task % kvHeads, row.offset + 1);
  });
}

void Attention::attend(std::span<const Row> rows, int layer, const float* query, float* mixed) {
  const size_t width = size(config_.queryWidth()), headWidth = size(config_.group()) * size(config_.headDim);
  findBlocks(rows, layer);
  size_t work = 0, observed = 0;
  observedAt_.resize(rows.size());
  for (size_t r = 0; r < rows.size(); ++r) {
    work += size(rows[r].cache->head(layer, 0).count + rows[r].offset + 1) * width;
    observedAt_[r] = observed;
    if (rows[r].recorded()) observed += size(config_.kvHeads) * paddedEntries(rows[r], layer);
  }
  if (observed_.size() < observed) observed_.resize(observed);
  findUnits(rows, layer);
  // Several units a task; a thread knows what it reads next, of the next task too.
  const auto units = static_cast<int>(units_.size());
  const int together = std::max(1, units / (tasksAThread * threads_.threads()));
  threads_.runTurns((units + together - 1) / together, work < smallWork, [&](const ThreadPool::Turn& turn) {
    const int first = turn.task * together, end = std::min(units, first + together);
    Scratch& scratch = scratch_[size(turn.worker)];
    if (!turn.follows) scratch.fetched = 0;
    for (int u = first; u < end; ++u) {
      const bool next = u + 1 < end || turn.more;
      const Coming coming = next ? firstPages(rows, layer, units_[size(u + 1)]) : Coming{};
      attendUnit(rows, layer, query, mixed, units_[size(u)], coming, scratch);
    }
  });
  threads_.run(static_cast<int>(joins_.size()), false, [&](int task, int) {
    const Unit& unit = joins_[size(task)];
    const Block& block = blocks_[unit.block];
    const Reading reading = plainReading(rows[block.first], block.rows, layer, unit.kvHead);
    const size_t at = block.first * queryStride_ + size(unit.kvHead) * headWidth;
    join(reading, partials_.data() + unit.partial, nullptr, mixed + at, nullptr);
  });
}

void Attention::attendUnit(std::span<const Row> rows, int layer, const float* query, float* mixed, const Unit& unit,
                           Coming coming, Scratch& scratch) {
  const Block& block = blocks_[unit.block];
  const Row& row = rows[block.first];
  const size_t at = block.first * queryStride_ + size(unit.kvHead * config_.group() * config_.headDim);
  const Reading reading = read(rows, block, layer, unit.kvHead, query + at, scratch);
  const int pieces = piecesOf(reading);
  const bool keepScores = row.recorded();
  grow(scratch.scores, size(keepScores ? pieces : 1) * size(reading.rows * config_.group()) * pieceEntries);
  float* scores = scratch.scores.data();
  if (unit.end > 0) {
    float* partial = partials_.data() + unit.partial;
    return attendPieces(reading, unit.begin, unit.end, partial, scores, false, coming, scratch);
  }
  grow(scratch.partial, partialFloats(reading));
  attendPieces(reading, 0, pieces, scratch.partial.data(), scores, keepScores, coming, scratch);
  float* weights = observed_.data() + observedAt_[block.first] + size(unit.kvHead) * paddedEntries(row, layer);
  join(reading, scratch.partial.data(), scores, mixed + at, keepScores ? weights : nullptr);
}

Attention::Reading Attention::read(std::span<const Row> rows, const Block& block, int layer, int kvHead,
                                   const float* query, Scratch& scratch) {
  const int dim = config_.headDim, group = config_.group();
  const Row& row = rows[block.first];
  const HeadCache& cache = row.cache->head(layer, kvHead);
  Reading reading = plainReading(row, block.rows, layer, kvHead);
  reading.query = query;
  if (block.rows > 1) {
    const size_t width = size(group) * size(dim);
    grow(scratch.query, size(block.rows) * width);
    for (int r = 0; r < block.rows; ++r) {
      std::copy_n(query + size(r) * queryStride_, width, scratch.query.data() + size(r) * width);
    }
    reading.query = scratch.query.data();
  }
  if (row.side && row.side->bounds.choose(layer, row.position)) {
    const auto chosen = row.side->bounds.pages(*row.cache, layer, kvHead, reading.entries, query, group, scratch.choice);
    scratch.pages.clear();
    for (const int index : chosen) scratch.pages.push_back(cache.blocks[size(index)]);
    reading.entries -= (chosen.back() + 1 - static_cast<int>(chosen.size())) * pageEntries;
    reading.pages = scratch.pages.data();
  }
  if (row.side && row.side->rotatedAtReading) {
    const size_t floats = 2 * size(pageEntries) * size(dim), half = inverseFrequencies_.size();
    const size_t pages = size((reading.entries + pageEntries - 1) / pageEntries);
    grow(scratch.rotated, pages * floats);
    scratch.pages.clear();
    for (size_t i = 0; i < pages; ++i) {
      const size_t first = i * pageEntries * half;
      float* to = scratch.rotated.data() + i * floats;
      row.cache->shape().page.copyRotated(cache.blocks[i], rotary_, placeCosine_.data() + first,
                                          placeSine_.data() + first, to);
      scratch.pages.push_back(static_cast<const std::byte*>(static_cast<const void*>(to)));
    }
    reading.pages = scratch.pages.data();
    reading.type = DType::f32;
  }
  return reading;
}

void Attention::attendPieces(const Reading& reading, int begin, int end, float* partial, float* scores,
                             bool keepScores, Coming coming, Scratch& scratch) const {
  const int dim = config_.headDim, group = config_.group();
  const size_t queries = size(reading.rows * group), all = size(piecesOf(reading)) * queries;
  float *tops = partial + all * size(dim), *totals = tops + all;
  const int pages = std::min(end * piecePages, (reading.entries + reading.rows - 2) / pageEntries + 1);
  const bool rounded = rounded_ && reading.type == DType::bf16;
  const auto attend = rounded && kernels_.bf16 ? kernels_.bf16->attend : kernels_.attend;
  for (int piece = begin; piece < end; ++piece) {
    const size_t at = size(piece) * queries;
    const int page = piece * piecePages, entry = piece * pieceEntries;
    const bool wide = !reading.ownPage;  // pages lie as the kernel reads them
    const int left = std::min(pages - page, piecePages), after = page + left;
    const auto* from = wide ? reading.pages + page : widenPages(reading, page, after, scratch);
    const AttentionTask task{from, reading.pages + after, wide ? pages - after : 0, coming.pages, coming.count,
                             scratch.fetched, near_ || !wide, reading.entries - entry, reading.rows, group, dim,
                             reading.type, 1.0f / std::sqrt(static_cast<float>(dim)), rounded, reading.query,
                             reading.masks ? reading.masks + entry : nullptr,
                             scores + (keepScores ? at * pieceEntries : 0), partial + at * size(dim), tops + at, totals + at};
    attend(task);
    scratch.fetched = fetchedAhead(task);
  }
}

// Pages [first, last) in float32; the memory of the one to come is fetched meanwhile.
const std::byte* const* Attention::widenPages(const Reading& reading, int first, int last, Scratch& scratch) const {
  const int own = (reading.entries - 1) / pageEntries;
  const size_t floats = 2 * size(pageEntries) * size(reading.codes.dim), bytes = reading.codes.bytes();
  scratch.widened.resize(size(piecePages) * floats);
  scratch.pages.clear();
  for (int page = first; page < last; ++page) {
    if (page == own) {
      scratch.pages.push_back(reading.ownPage);
      break;
    }
    for (size_t line = 0; page + 1 < own && line < bytes; line += 64) __builtin_prefetch(reading.pages[page + 1] + line);
    float* to = scratch.widened.data() + size(page - first) * floats;
    kernels_.widen(reading.codes.codes(reading.pages[page], to));
    scratch.pages.push_back(static_cast<const std::byte*>(static_cast<const void*>(to)));
  }
  return scratch.pages.data();
}

void Attention::join(const Reading& reading, const float* partial, const float* scores, float* mixed,
                     float* weights) const {
  const int dim = config_.headDim, group = config_.group(), queries = reading.rows * group;
  const size_t all = size(piecesOf(reading) * queries);
  const float *tops = partial + all * size(dim), *totals = tops + all;
  for (int row = 0; row < reading.rows; ++row) {
    const int at = row * group;
    kernels_.join({reading.entries + row, group, dim, queries, partial + at * dim, tops + at, totals + at,
                   mixed + size(row) * queryStride_, scores, weights});
  }
}

// Notes the rows' attention where a policy asks for it: the rows of a sequence one after the other, whoever is beside it.
void Attention::observe(std::span<const Row> rows, int layer) {
  std::vector<std::pair<size_t, int>> tasks;  // the first row of a sequence, and a set
  for (size_t r = 0; r < rows.size(); ++r) {
    if (!rows[r].recorded() || rows[r].offset > 0) continue;
    for (int set = 0; set < rows[r].side->record.sets(); ++set) tasks.push_back({r, set});
  }
  threads_.run(static_cast<int>(tasks.size()), false, [&](int index, int worker) {
    const auto [first, set] = tasks[size(index)];
    AttentionRecord& record = rows[first].side->record;
    const int kvHeads = config_.kvHeads;
    for (size_t r = first; r < rows.size() && rows[r].side == rows[first].side; ++r) {
      const size_t stride = paddedEntries(rows[r], layer);
      const auto entries = size(rows[r].cache->head(layer, 0).count + rows[r].offset + 1);
      const float* weights = observed_.data() + observedAt_[r];
      if (record.sets() > 1) {
        record.observe(layer, set, rows[r].position, {weights + size(set) * stride, entries});
        continue;
      }
      std::vector<float>& mean = scratch_[size(worker)].mean;
      mean.assign(entries, 0.0f);
      for (int head = 0; head < kvHeads; ++head) {
        for (size_t e = 0; e < entries; ++e) mean[e] += weights[size(head) * stride + e] / static_cast<float>(kvHeads);
      }
      record.observe(layer, set, rows[r].position, mean);
    }
  });
}

}  // namespace pathpress
