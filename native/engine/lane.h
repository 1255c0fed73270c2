// Part of a step: some sequences' rows through the model, and their next tokens. A step is one lane with all threads, or,
// where the model is small or the batch large, several lanes with a thread each, which meet only at the step's end, or
// after many steps.
#pragma once

#include <optional>
#include <vector>

#include "../models/forward.h"
#include "sequence.h"
#include "thread_pool.h"

namespace pathpress {

class Lane {
  const Kernels& kernels_;
  std::optional<ThreadPool> own_;
  ThreadPool& threads_;

 public:
  // With the threads given, or alone.
  Lane(const Model& model, const Kernels& kernels, ProductInput products, ThreadPool* threads);

  void clear() { fed_.clear(); }
  void add(Fed& fed) { fed_.push_back(&fed); }
  std::vector<Fed*>& fed() { return fed_; }
  // Runs what was added. Where cancelled, nothing that it left is to be trusted.
  void run();
  ThreadPool& threads() { return threads_; }
  void cancel() { threads_.cancel(); }

  Forward forward;

 private:
  void collectRows();
  void judgeKnown();
  void sampleNext();

  std::vector<Fed*> fed_;
  std::vector<Row> rows_;
  std::vector<SamplerScratch> scratch_;  // one a worker
  struct Judgement {
    Sequence* sequence;
    int32_t id;
    size_t logits;  // Forward::logits
    float logLikelihood, entropy;
  };
  std::vector<Judgement> judgements_;
};

}  // namespace pathpress
