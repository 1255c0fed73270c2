#!/usr/bin/env bash
# Installs CUDA's compiler, headers and disassemblers from PyPI wheels into .cache/cuda, for `npm run cuda-kernels`
# where no toolkit is. Needs Python 3.9 with pip, Linux on x86-64. Neither a GPU nor its driver is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
target=.cache/cuda
wanted=(
  nvidia-cuda-nvcc==13.0.88 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85 nvidia-cuda-crt==13.0.88
  nvidia-nvvm==13.0.88 nvidia-cuda-cuobjdump==13.2.78 nvidia-cuda-nvdisasm==13.2.78
)
if [ "$(cat "$target/wanted" 2> /dev/null)" = "${wanted[*]}" ]; then
  exit 0
fi
rm -rf "$target"
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$target" "${wanted[@]}"
"$target/nvidia/cu13/bin/nvcc" --version > /dev/null
echo "${wanted[*]}" > "$target/wanted"
