"""Hugging Face transformers on PyTorch's CPU kernels, dynamic cache: python3 transformers_peer.py MODEL TYPE THREADS"""
import sys
import time

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

from worker import serve

folder, dtype, threads = sys.argv[1], getattr(torch, sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.set_grad_enabled(False)
torch.manual_seed(0)
config = AutoConfig.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def filled(batch, entries):
    """A cache of noise: a few entries of it over and over, each sequence's its own memory."""
    cache = DynamicCache()
    few = torch.randn(2, 1, config.num_key_value_heads, 64, dim).to(dtype)
    for layer in range(config.num_hidden_layers):
        key, value = (few[i].repeat(batch, 1, (entries + 63) // 64, 1)[:, :, :entries].contiguous() for i in (0, 1))
        cache.update(key, value, layer)
    return cache


def decode(batch, entries, steps):
    cache = filled(batch, entries)
    ids = torch.zeros(batch, 1, dtype=torch.long)
    for step in range(steps + 1):  # the first warms up
        if step == 1:
            start = time.perf_counter()
        ids = model(input_ids=ids, past_key_values=cache, use_cache=True).logits[:, -1:].argmax(-1)
    return {"seconds": (time.perf_counter() - start) / steps}


def prefill(tokens):
    ids = torch.arange(tokens).remainder(config.vocab_size).unsqueeze(0)
    model(input_ids=ids[:, :32], use_cache=True, logits_to_keep=1)  # warms up
    start = time.perf_counter()
    model(input_ids=ids, use_cache=True, logits_to_keep=1)
    return {"seconds": time.perf_counter() - start}


def version():
    return {"version": f"transformers {transformers.__version__}, PyTorch {torch.__version__}"}


serve({"decode": decode, "prefill": prefill, "version": version})
