#include "products.h"

#include <algorithm>

#include "../engine/errors.h"

namespace pathpress {
namespace {

constexpr size_t smallProduct = 1 << 17;  // multiplications below which waking a thread costs more than it brings
constexpr int tasksAThread = 16;          // so that a thread that was held up is not waited for by the others

// Weight rows that a thread claims at once. More of them are fetched ahead without a gap; results do not depend on it.
int rowsATask(std::span<const Product> products, int threads) {
  int rows = 0;
  for (const Product& product : products) rows += product.linear->weight.rows;
  const int share = (rows + tasksAThread * threads - 1) / (tasksAThread * threads);
  return std::clamp((share + panelRows - 1) / panelRows * panelRows, panelRows, 8 * panelRows);
}

int tasksOf(const Product& product, int rowsATask) { return (product.linear->weight.rows + rowsATask - 1) / rowsATask; }

int tasksOf(std::span<const Product> products, int rowsATask) {
  int tasks = 0;
  for (const Product& product : products) tasks += tasksOf(product, rowsATask);
  return tasks;
}

// The product that a task is of; `task` becomes its number there.
const Product& productOf(std::span<const Product> products, int rowsATask, int& task) {
  const Product* product = products.data();
  for (int own; task >= (own = tasksOf(*product, rowsATask)); ++product) task -= own;
  return *product;
}

// Where a task's weights begin; null where they do not lie as they are read.
const std::byte* weightsOf(std::span<const Product> products, int rowsATask, int task) {
  const Matrix& weight = productOf(products, rowsATask, task).linear->weight;
  return weight.packed ? static_cast<const std::byte*>(weight.rowsFrom(task * rowsATask, 1).data) : nullptr;
}

void addBias(const Product& product, int begin, int end, size_t rows) {
  const std::vector<float>& bias = product.linear->bias;
  if (bias.empty()) return;
  for (size_t r = 0; r < rows; ++r) {
    float* out = product.out + r * rowStride<float>(static_cast<size_t>(product.linear->weight.rows));
    for (int i = begin; i < end; ++i) out[i] += bias[static_cast<size_t>(i)];
  }
}

}  // namespace

ProductInput productInputOf(const std::string& name) {
  if (name.empty() || name == "float32") return ProductInput::float32;
  if (name == "bf16") return ProductInput::bf16;
  throw EngineError("BAD_OPTION", "products \"" + name + "\" is not float32 or bf16");
}

// Whether the processor multiplies its input as bfloat16.
bool Products::halved(const Product& product) const {
  return seen_ == ProductInput::bf16 && kernels_.bf16 && product.linear->weight.type == DType::bf16;
}

// With room for so many rows of them.
Products::Seen Products::seenOf(std::span<const Product> products, size_t rows) {
  if (seen_ == ProductInput::float32) return {false, false};
  const auto cols = static_cast<size_t>(products[0].linear->weight.cols);
  const auto own = [this](const Product& product) { return halved(product); };
  const Seen seen{!std::all_of(products.begin(), products.end(), own), std::any_of(products.begin(), products.end(), own)};
  const size_t floats = rows * rowStride<float>(cols), halves = rows * rowStride<uint16_t>(cols);
  if (seen.floats && rounded_.size() < floats) rounded_.resize(floats);
  if (seen.halves && halves_.size() < halves) halves_.resize(halves);
  return seen;
}

void Products::round(Seen seen, const float* from, size_t row, size_t cols) {
  if (seen.halves) kernels_.bf16->round(from, cols, halves_.data() + row * rowStride<uint16_t>(cols));
  if (!seen.floats) return;
  float* to = rounded_.data() + row * rowStride<float>(cols);
  for (size_t i = 0; i < cols; ++i) to[i] = roundTo(from[i], DType::bf16);
}

void Products::runTask(std::span<const Product> products, int task, int rowsATask, const float* floats, size_t rows,
                       const std::byte* next) {
  const Product& product = productOf(products, rowsATask, task);
  const Matrix& weight = product.linear->weight;
  const int begin = task * rowsATask, end = std::min(weight.rows, begin + rowsATask), tokens = static_cast<int>(rows);
  const auto cols = static_cast<size_t>(weight.cols);
  const size_t stride = rowStride<float>(static_cast<size_t>(weight.rows));
  if (halved(product)) {
    kernels_.bf16->matmul(weight, begin, end, halves_.data(), rowStride<uint16_t>(cols), tokens, product.out, stride, next);
  } else {
    kernels_.matmul(weight, begin, end, floats, rowStride<float>(cols), tokens, product.out, stride, next);
  }
  addBias(product, begin, end, rows);
}

void Products::multiply(std::span<const Product> products, const float* floats, size_t rows, std::span<const Product> next) {
  const int threads = threads_.threads(), share = rowsATask(products, threads), nextShare = rowsATask(next, threads);
  const int tasks = tasksOf(products, share), nextTasks = tasksOf(next, nextShare);
  size_t work = 0;
  for (const Product& product : products) {
    work += static_cast<size_t>(product.linear->weight.rows) * static_cast<size_t>(product.linear->weight.cols) * rows;
  }
  shares_.run(tasks, work < smallProduct, [&](int task, int worker, bool, bool more) {
    const std::byte* coming = nullptr;
    if (more) coming = weightsOf(products, share, task + 1);
    else if (nextTasks > 0) coming = weightsOf(next, nextShare, Shares::first(nextTasks, worker, threads));
    runTask(products, task, share, floats, rows, coming);
  });
}

}  // namespace pathpress
