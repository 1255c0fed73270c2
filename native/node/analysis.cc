#include "analysis.h"

#include <algorithm>

#include "../analysis/gram_counts.h"
#include "../analysis/neighbours.h"
#include "guarded.h"

namespace pathpress {
namespace {

// gramOccurrences(ids, n, lengths, threads): for each length pairs of times and grams
Napi::Value gramOccurrencesOf(const Napi::CallbackInfo& info) {
  const auto ids = info[0].As<Napi::Int32Array>();
  const auto given = info[2].As<Napi::Array>();
  std::vector<size_t> lengths(given.Length());
  for (uint32_t i = 0; i < given.Length(); ++i) {
    lengths[i] = static_cast<size_t>(given.Get(i).As<Napi::Number>().Int64Value());
  }
  const auto found = guarded(info.Env(), "the analysis", [&] {
    return gramOccurrences(ids.Data(), info[1].As<Napi::Number>().Int32Value(), lengths,
                           info[3].As<Napi::Number>().Int32Value());
  });
  Napi::Array out = Napi::Array::New(info.Env(), found.size());
  for (uint32_t i = 0; i < found.size(); ++i) {
    Napi::Uint32Array pairs = Napi::Uint32Array::New(info.Env(), 2 * found[i].size());
    for (size_t k = 0; k < found[i].size(); ++k) {
      pairs[2 * k] = found[i][k].times;
      pairs[2 * k + 1] = found[i][k].grams;
    }
    out.Set(i, pairs);
  }
  return out;
}

// neighbourCounts(vectors, dim, thresholds, threads, simd, from, to): (thresholds, rows)
Napi::Value neighbourCountsOf(const Napi::CallbackInfo& info) {
  const auto vectors = info[0].As<Napi::Float32Array>();
  const int dim = info[1].As<Napi::Number>().Int32Value();
  const auto thresholds = info[2].As<Napi::Float64Array>();
  const auto from = static_cast<size_t>(info[5].As<Napi::Number>().Int64Value());
  const auto to = static_cast<size_t>(info[6].As<Napi::Number>().Int64Value());
  const std::vector<int32_t> counts = guarded(info.Env(), "the analysis", [&] {
    return neighbourCounts(vectors.Data(), vectors.ElementLength() / static_cast<size_t>(dim), dim,
                           {thresholds.Data(), thresholds.ElementLength()},
                           selectKernels(info[4].As<Napi::String>().Utf8Value()),
                           info[3].As<Napi::Number>().Int32Value(), from, to);
  });
  Napi::Int32Array out = Napi::Int32Array::New(info.Env(), counts.size());
  std::copy(counts.begin(), counts.end(), out.Data());
  return out;
}

}  // namespace

void exportAnalysis(Napi::Object& exports) {
  exports.Set("gramOccurrences", Napi::Function::New(exports.Env(), gramOccurrencesOf, "gramOccurrences"));
  exports.Set("neighbourCounts", Napi::Function::New(exports.Env(), neighbourCountsOf, "neighbourCounts"));
}

}  // namespace pathpress
