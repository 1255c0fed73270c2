// Part of a step: some sequences' rows through the model, what they count, and their next tokens. A step is one lane with
// all threads, or, where the model is small, several lanes with a thread each, which meet only at the step's end.
#pragma once

#include <optional>
#include <vector>

#include "../models/forward.h"
#include "sequence.h"

namespace pathpress {

// What a step feeds of one sequence.
struct Fed {
  Sequence* sequence;
  int rows;
  int follow;   // tokens that follow: one sampled, or those that are known; 0 within a prompt
  bool sampled;
  bool prompt;
  int judged = 0;  // known ones of which the logits before them are asked what they say
  std::span<const float> logits = {};  // of the last row where sampled, (vocab); valid until the lane's next step
  int32_t token = -1;                  // sampled; -1 where the logits are not numbers
  float entropy = 0;                   // of what it was sampled from, where asked for
};

class Lane {
  std::optional<ThreadPool> own_;
  ThreadPool& threads_;

 public:
  // With the threads given, or alone.
  Lane(const Model& model, const Kernels& kernels, ProductInput products, ThreadPool* threads);

  void clear() { fed_.clear(); }
  void add(Fed& fed) { fed_.push_back(&fed); }
  // Runs what was added. Where cancelled, nothing that it left is to be trusted.
  void run();
  void cancel() { threads_.cancel(); }

  Forward forward;

 private:
  void collectRows();
  void judgeKnown();
  void count();
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
