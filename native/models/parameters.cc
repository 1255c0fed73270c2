#include "model.h"

namespace pathpress {

ParameterCount countParameters(const ModelConfig& config) {
  const Family& family = findFamily(config.family);
  checkConfig(config);
  const int64_t hidden = config.hidden, inner = config.intermediate, head = config.headDim;
  const int64_t queries = config.queryWidth(), qkv = queries + 2 * int64_t{config.kvWidth()};
  int64_t matrices = hidden * (qkv + queries + 3 * inner), vectors = 2 * hidden;
  if (hasBias(family.qkvBias, config.attentionBias)) vectors += qkv;
  if (hasBias(family.attentionOutputBias, config.attentionBias)) vectors += hidden;
  if (hasBias(family.mlpBias, config.mlpBias)) vectors += 2 * inner + hidden;
  for (const char* norm : {family.queryNorm, family.keyNorm}) vectors += *norm ? head : 0;
  for (const char* norm : {family.attentionPostNorm, family.mlpPostNorm}) vectors += *norm ? hidden : 0;
  const int64_t table = int64_t{config.vocab} * hidden;
  ParameterCount count{table, config.layers * matrices + table, config.layers * vectors + hidden, 0, 0};
  count.total = count.matrices + count.vectors + (config.tiedEmbeddings ? 0 : table);
  count.rows = config.layers * (qkv + 2 * hidden + 2 * inner) + (config.tiedEmbeddings ? 0 : config.vocab);
  return count;
}

}  // namespace pathpress
