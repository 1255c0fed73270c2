// Checks for native tests: each test is its own executable, CHECK reports and goes on, and main ends with
// `return checks();`, which is the exit status. A test that draws at random takes a count, a seed and the number of the
// first case as arguments, so that `npm run soak` can ask for more and a failure can be repeated alone.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

namespace check {

inline int failed = 0;
inline int passed = 0;

inline bool note(bool good, const char* file, int line, const std::string& what) {
  if (good) {
    ++passed;
  } else {
    ++failed;
    std::printf("%s:%d: %s\n", file, line, what.c_str());
  }
  return good;
}

// The message of the exception that `run` throws; empty where it throws none.
template <class F>
std::string thrown(F&& run) {
  try {
    run();
  } catch (const std::exception& e) {
    return e.what();
  }
  return {};
}

// Cases first, first + 1, ...: `count` of them, each drawn from (seed, number) alone.
struct Soak {
  uint64_t count, seed, first;

  Soak(int argc, char** argv, uint64_t usualCount)
      : count(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : usualCount),
        seed(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1),
        first(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0),
        tells_(argc > 1) {}

  uint64_t seedOf(uint64_t number) const { return (seed + 1) * 0x9E3779B97F4A7C15u + number; }

  // Before each case: a line now and then for whoever watches, and two minutes for a case, after which SIGALRM ends us.
  void at(uint64_t number, uint64_t every) const {
    if ((number - first) % every != 0) return;
    ::alarm(120);
    if (!tells_) return;
    std::printf("case %llu\n", static_cast<unsigned long long>(number));
    std::fflush(stdout);
  }

 private:
  bool tells_;
};

}  // namespace check

#define CHECK(condition) check::note((condition), __FILE__, __LINE__, #condition)
// With a description of the case at hand.
#define CHECK_CASE(condition, description) \
  check::note((condition), __FILE__, __LINE__, std::string(#condition " in ") + (description))

inline int checks() {
  std::printf("%d checks, %d failed\n", check::passed + check::failed, check::failed);
  return check::failed == 0 && check::passed > 0 ? 0 : 1;
}
