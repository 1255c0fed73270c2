// Checks for native tests: each test is its own executable, CHECK reports and goes on, and main ends with
// `return checks();`, which is the exit status.
#pragma once

#include <cstdio>
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

}  // namespace check

#define CHECK(condition) check::note((condition), __FILE__, __LINE__, #condition)
// With a description of the case at hand.
#define CHECK_CASE(condition, description) \
  check::note((condition), __FILE__, __LINE__, std::string(#condition " in ") + (description))

inline int checks() {
  std::printf("%d checks, %d failed\n", check::passed + check::failed, check::failed);
  return check::failed == 0 && check::passed > 0 ? 0 : 1;
}
