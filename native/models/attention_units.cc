// What the threads share out of a pass's attention: rows that read together, and units that are read by one thread.
#include <algorithm>

#include "attention.h"

namespace pathpress {
namespace {

constexpr int unitPieces = 4;  // 1024 entries: what a thread takes of a reading that is cut

template <class T>
size_t size(T value) { return static_cast<size_t>(value); }

}  // namespace

// Rows of one sequence together: as many as make whole tiles of queries, of a quantised cache those of one page.
void Attention::findBlocks(std::span<const Row> rows, int layer) {
  const int most = std::max(1, kernels_.queriesTogether / config_.group());
  blocks_.clear();
  for (size_t r = 0; r < rows.size(); ++r) {
    const Row& row = rows[r];
    const bool plain = !row.recorded() && row.asItLies();
    Block* last = blocks_.empty() ? nullptr : &blocks_.back();
    const bool opens = row.cache->shape().page.quantised() &&
                       (row.cache->head(layer, 0).count + row.offset) % pageEntries == 0;
    const bool follows =
        last && row.offset > 0 && rows[r - 1].cache == row.cache && last->plain && last->rows < most && !opens;
    if (follows) ++last->rows;
    else blocks_.push_back({r, 1, plain});
  }
}

// Few long readings are cut, so that the threads end together; the result does not tell where.
void Attention::findUnits(std::span<const Row> rows, int layer) {
  const int kvHeads = config_.kvHeads, threads = threads_.threads();
  const bool few = threads > 1 && static_cast<int>(blocks_.size()) * kvHeads < tasksAThread * threads;
  size_t partial = 0;
  units_.clear();
  joins_.clear();
  for (size_t b = 0; b < blocks_.size(); ++b) {
    for (int kvHead = 0; kvHead < kvHeads; ++kvHead) {
      const Reading reading = plainReading(rows[blocks_[b].first], blocks_[b].rows, layer, kvHead);
      const int pieces = piecesOf(reading);
      if (!few || !blocks_[b].plain || pieces < 2 * unitPieces) {
        units_.push_back({b, kvHead, 0, 0, 0});
        continue;
      }
      for (int begin = 0; begin < pieces; begin += unitPieces) {
        units_.push_back({b, kvHead, begin, std::min(pieces, begin + unitPieces), partial});
      }
      joins_.push_back({b, kvHead, 0, pieces, partial});
      partial += partialFloats(reading);
    }
  }
  if (partials_.size() < partial) partials_.resize(partial);
}

// Of a unit whose pages are read as they lie; none of another.
Attention::Coming Attention::firstPages(std::span<const Row> rows, int layer, const Unit& unit) const {
  const Block& block = blocks_[unit.block];
  const Reading reading = plainReading(rows[block.first], block.rows, layer, unit.kvHead);
  if (reading.ownPage || !rows[block.first].asItLies()) return {};
  const int first = unit.begin * piecePages, pages = (reading.entries + reading.rows - 2) / pageEntries + 1;
  return {reading.pages + first, std::min(pages - first, piecePages)};
}

int Attention::piecesOf(const Reading& reading) { return (reading.entries + reading.rows - 2) / pieceEntries + 1; }

// (pieces, rows, group, dim) sums, then tops and totals (pieces, rows, group) each.
size_t Attention::partialFloats(const Reading& reading) const {
  return size(piecesOf(reading) * reading.rows * config_.group()) * (size(config_.headDim) + 2);
}

Attention::Reading Attention::plainReading(const Row& row, int rows, int layer, int kvHead) {
  const HeadCache& cache = row.cache->head(layer, kvHead);
  const PageLayout& page = row.cache->shape().page;
  const int entry = cache.count + row.offset;
  return {cache.blocks.data(), entry + 1, rows, page.type, nullptr,
          row.cache->tracking().masks ? cache.masks.data() : nullptr, page.codes(),
          page.quantised() ? row.cache->fullPage(layer, kvHead, entry / pageEntries) : nullptr};
}

}  // namespace pathpress
