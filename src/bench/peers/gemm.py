"""The rate of PyTorch's matrix product, operations a second, in float32 and bfloat16: python3 gemm.py THREADS"""
import json
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]))
rates = {"version": torch.__version__}
for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
    best = 0.0
    for size in (1024, 2048):
        a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
        end = time.perf_counter() + 1
        while time.perf_counter() < end:
            start = time.perf_counter()
            a @ b
            best = max(best, 2 * size**3 / (time.perf_counter() - start))
    rates[name] = best
print(json.dumps(rates))
