#include "products.h"

#include <algorithm>

namespace pathpress {
namespace {

constexpr size_t smallProduct = 1 << 17;  // multiplications below which waking a thread costs more than it brings
constexpr int tasksAThread = 8;           // so that a thread that was held up is not waited for by the others
constexpr int rowStep = 12;               // the tiles of every instruction set fit into so many weight rows

// Weight rows that a thread claims at once. More of them are fetched ahead without a gap; results do not depend on it.
int rowsATask(std::span<const Product> products, int threads) {
  int rows = 0;
  for (const Product& product : products) rows += product.linear->weight.rows;
  const int share = (rows + tasksAThread * threads - 1) / (tasksAThread * threads);
  return std::clamp((share + rowStep - 1) / rowStep * rowStep, rowStep, 16 * rowStep);
}

void addBias(const Product& product, int begin, int end, size_t rows) {
  const std::vector<float>& bias = product.linear->bias;
  if (bias.empty()) return;
  for (size_t r = 0; r < rows; ++r) {
    float* out = product.out + r * static_cast<size_t>(product.linear->weight.rows);
    for (int i = begin; i < end; ++i) out[i] += bias[static_cast<size_t>(i)];
  }
}

}  // namespace

void Products::run(std::span<const Product> products, const float* input, size_t rows) {
  const int share = rowsATask(products, threads_.threads());
  const auto tasksOf = [share](const Product& product) { return (product.linear->weight.rows + share - 1) / share; };
  int tasks = 0;
  size_t work = 0;
  for (const Product& product : products) {
    const Matrix& weight = product.linear->weight;
    tasks += tasksOf(product);
    work += static_cast<size_t>(weight.rows) * static_cast<size_t>(weight.cols) * rows;
  }
  threads_.run(tasks, work < smallProduct, [&](int left, int) {
    int task = tasks - 1 - left;  // tasks are claimed from the last on; memory is better read from the first
    const Product* product = products.data();
    for (int own; task >= (own = tasksOf(*product)); ++product) task -= own;
    const Matrix& weight = product->linear->weight;
    const int begin = task * share, end = std::min(weight.rows, begin + share);
    kernels_.matmul(weight, begin, end, input, static_cast<int>(rows), product->out, static_cast<size_t>(weight.rows));
    addBias(*product, begin, end, rows);
  });
}

}  // namespace pathpress
