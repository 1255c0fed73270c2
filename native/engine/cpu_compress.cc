// What the CPU backend does beside its steps: compressions, and the logits of whole texts.
#include <new>

#include "cpu_backend.h"
#include "cpu_holding.h"
#include "errors.h"

namespace pathpress {

CompressJob CpuBackend::jobOf(Sequence& s) const {
  CpuHolding& held = cpuHolding(s);
  return {s.recipe, s.policy->keep(s.progress), s.progress, held.cache, held.side, s.request.lotSeed(),
          s.request.stream, model_->config.heads, model_->type()};
}

void CpuBackend::compress(std::span<Sequence* const> due, const std::vector<std::vector<float>>* scores) {
  compressWith(threads_, compressScratch_.data(), due, scores);
}

void CpuBackend::compressApart(int lane, Sequence& due) {
  Sequence* const one[] = {&due};
  compressWith(lanes_[static_cast<size_t>(lane)]->threads(), &compressScratch_[static_cast<size_t>(lane)], one, nullptr);
}

// `scratch`, one a thread.
void CpuBackend::compressWith(ThreadPool& threads, CompressScratch* scratch, std::span<Sequence* const> sequences,
                              const std::vector<std::vector<float>>* scores) {
  struct Due {
    Sequence* sequence;
    CompressJob job;
    std::vector<std::vector<KeptPositions>> traces;  // a layer
    Compression first;
  };
  std::vector<Due> due;
  for (Sequence* const one : sequences) {
    due.push_back({one, jobOf(*one), {}, {}});
    due.back().job.scores = scores;
    due.back().traces.resize(one->request.trace ? static_cast<size_t>(shape_.layers) : 0);
  }
  threads.run(static_cast<int>(due.size()) * shape_.layers, false, [&](int task, int worker) {
    Due& one = due[static_cast<size_t>(task / shape_.layers)];
    const int layer = task % shape_.layers;
    auto* trace = one.traces.empty() ? nullptr : &one.traces[static_cast<size_t>(layer)];
    const Compression done = compressLayer(one.job, layer, scratch[worker], trace);
    if (layer == 0) one.first = done;
  });
  if (threads.cancelled()) return;
  for (Due& one : due) {
    one.job.cache.releaseTails();
    one.sequence->afterCompression(one.first);
    for (auto& trace : one.traces) {
      std::move(trace.begin(), trace.end(), std::back_inserter(one.sequence->result.trace));
    }
  }
}

std::vector<std::vector<Ballot>> CpuBackend::ballots(Sequence& sequence) {
  const CompressJob job = jobOf(sequence);
  std::vector<std::vector<Ballot>> layers(static_cast<size_t>(shape_.layers));
  threads_.run(shape_.layers, false, [&](int layer, int worker) {
    layers[static_cast<size_t>(layer)] =
        pathpress::ballots(job, layer, sequence.request.scoreKeys, compressScratch_[static_cast<size_t>(worker)]);
  });
  return layers;
}

std::vector<float> CpuBackend::logits(const std::vector<int32_t>& ids) {
  constexpr size_t chunk = 64;
  std::vector<float> all;
  try {
    all.reserve(ids.size() * static_cast<size_t>(model_->config.vocab));
  } catch (const std::exception&) {  // bad_alloc, or length_error where it could never be
    const double bytes = static_cast<double>(ids.size()) * model_->config.vocab * sizeof(float);
    throw EngineError("OUT_OF_MEMORY", "the logits of " + std::to_string(ids.size()) + " positions need " +
                                           std::to_string(static_cast<uint64_t>(bytes)) + " bytes");
  }
  std::vector<Row> rows;
  try {
    SequenceCache cache(pool_, shape_, {});
    for (size_t at = 0; at < ids.size(); at += chunk) {
      const size_t count = std::min(chunk, ids.size() - at);
      cache.reserve(static_cast<int>(count));
      rows.clear();
      for (size_t i = 0; i < count; ++i) {
        rows.push_back({ids[at + i], static_cast<int>(at + i), static_cast<int>(i), &cache, nullptr, true});
      }
      whole_.forward.run(rows);
      if (threads_.cancelled()) throw EngineError("DISPOSED", "the engine was disposed");
      cache.commit(static_cast<int>(count), static_cast<int>(at));
      for (size_t i = 0; i < count; ++i) {
        const auto row = whole_.forward.logits(i);
        if (!allFinite(row)) throw EngineError("BAD_LOGITS", "position " + std::to_string(at + i) + ": " + overflowText);
        all.insert(all.end(), row.begin(), row.end());
      }
    }
  } catch (const std::bad_alloc&) {
    throw EngineError("OUT_OF_MEMORY", memoryText(rows.size(), rows.size()));
  }
  return all;
}

}  // namespace pathpress
