// Work on the rows of a step, a thread's the same in every such job while none is held up: what it wrote of them is in its
// own cache.
#pragma once

#include <algorithm>
#include <cstddef>

#include "thread_pool.h"

namespace pathpress {

// Calls body(row) for every row in [0, rows), each of so many floats.
template <class Body>
void eachRow(ThreadPool& threads, size_t rows, size_t width, const Body& body) {
  constexpr size_t smallPass = 1 << 13;  // floats below which waking a thread costs more than it brings
  constexpr size_t tasksAThread = 4;     // few, yet such that a thread that was held up is helped
  const size_t tasks = std::min(rows, tasksAThread * static_cast<size_t>(threads.threads()));
  threads.run(static_cast<int>(tasks), rows * width < smallPass, [&](int task, int) {
    const auto index = static_cast<size_t>(task);
    for (size_t row = rows * index / tasks, end = rows * (index + 1) / tasks; row < end; ++row) body(row);
  });
}

}  // namespace pathpress
