// How far an operation's results are from those of the CPU. On a GPU it is also told, in lines that programs can read:
//   operation <name>: <measure> <value> (bound <value>)
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

#include "world.h"

namespace pathpress::cuda {

// Normalised squared errors: of float32 from float32, of what is rounded to bfloat16 at the end (evenly spread
// roundings make 2.2e-6), and of products whose inputs are rounded to it on the way.
constexpr double floatNmse = 1e-7, bf16Nmse = 5e-6, bf16ProductNmse = 5e-4;

inline void within(double bound, double value, const char* measure, const std::string& operation) {
  if (std::isnan(value)) value = INFINITY;
  if (onGpu) std::printf("operation %s: %s %.6g (bound %.6g)\n", operation.c_str(), measure, value, bound);
  const std::string what = operation + ", " + measure + " " + std::to_string(value);
  CHECK_CASE(value <= bound, what);
}

// None of an operation's elements or sets may be wrong.
inline void noneWrong(int wrong, const std::string& operation) { within(0, wrong, "wrong", operation); }

// Σ (got - want)² / Σ want².
class SquaredError {
 public:
  void add(double got, double want) {
    error_ += (got - want) * (got - want);
    size_ += want * want;
  }
  void isWithin(double bound, const std::string& operation) const {
    within(bound, error_ == 0 ? 0 : error_ / size_, "nmse", operation);
  }

 private:
  double error_ = 0, size_ = 0;
};

}  // namespace pathpress::cuda
