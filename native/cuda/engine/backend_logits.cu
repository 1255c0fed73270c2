// Logits of whole texts on the CUDA backend: a sequence of its own, whose rows all say theirs.
#include <algorithm>
#include <new>
#include <stdexcept>

#include "../../engine/errors.h"
#include "backend.h"

namespace pathpress::cuda {

namespace {

// A slot for as long as it is needed.
class Place {
 public:
  explicit Place(CudaBackend& backend) : slot(backend.takeSlot()), backend_(backend) {}
  ~Place() {
    backend_.decoder().end(slot);
    backend_.giveSlot(slot);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  const int slot;

 private:
  CudaBackend& backend_;
};

[[noreturn]] void noRoom(size_t ids, const std::string& why) {
  throw EngineError("OUT_OF_MEMORY", "device cuda: the logits of " + std::to_string(ids) + " positions: " + why);
}

}  // namespace

std::vector<float> CudaBackend::logits(const std::vector<int32_t>& ids) {
  Demand demand;
  demand.places = 1;
  demand.entries = demand.positions = std::ssize(ids);
  const bool idle = freeSlots_.size() == laidOut_.places;
  if (!prepare(demand, idle) || freeSlots_.empty()) noRoom(ids.size(), "no place beside the sequences that run");
  std::vector<float> all;
  try {
    all.reserve(ids.size() * static_cast<size_t>(weights_.shape.vocab));
    const Place place(*this);
    decoder_->begin(place.slot, {0, 1, 0, 0, {0, 0}, 0}, {});
    if (!decoder_->reserve(place.slot, static_cast<int>(ids.size()))) noRoom(ids.size(), "the cache has no pages for them");
    const auto most = static_cast<size_t>(rows());
    for (size_t at = 0; at < ids.size(); at += most) {
      std::vector<Decoder::Row> rows;
      for (size_t i = at; i < std::min(ids.size(), at + most); ++i) rows.push_back({place.slot, ids[i], false});
      if (!decoder_->run(rows, true)) throw EngineError("INTERNAL", "a step that no kernel can do");
      if (cancelled()) throw EngineError("DISPOSED", "the engine was disposed");
      for (size_t i = 0; i < rows.size(); ++i) {
        const std::vector<float> row = decoder_->logits(static_cast<int>(i));
        if (!allFinite(row)) throw EngineError("BAD_LOGITS", "position " + std::to_string(at + i) + ": " + overflowText);
        all.insert(all.end(), row.begin(), row.end());
      }
    }
  } catch (const std::bad_alloc&) {
    noRoom(ids.size(), "the machine has no memory left for them");
  } catch (const std::length_error&) {
    noRoom(ids.size(), "no machine has memory for them");
  }
  return all;
}

}  // namespace pathpress::cuda
