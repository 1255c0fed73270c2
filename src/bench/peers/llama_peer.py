"""llama.cpp through llama-cpp-python's low-level bindings: python3 llama_peer.py FILE.gguf THREADS"""
import ctypes
import struct
import sys
import time

import llama_cpp as llama
import numpy as np

from worker import serve

threads = int(sys.argv[2])
llama.llama_backend_init()
model = llama.llama_model_load_from_file(sys.argv[1].encode(), llama.llama_model_default_params())
if not model:
    raise SystemExit("llama.cpp cannot load the model")
vocab = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))


held = {}  # the last context by its sizes: what it allocates at first use is not counted again


def open_context(sequences, entries, rows):
    key = (sequences, entries, rows)
    if key not in held:
        for old in held.values():
            llama.llama_free(old)
        held.clear()
        held[key] = new_context(sequences, entries, rows)
    llama.llama_memory_clear(llama.llama_get_memory(held[key]), True)
    return held[key]


def new_context(sequences, entries, rows):
    params = llama.llama_context_default_params()
    params.n_seq_max = sequences
    params.n_ctx = sequences * ((entries + 255) // 256 * 256)
    params.n_batch = max(rows, 32)
    params.n_ubatch = min(params.n_batch, 512)
    params.n_threads = params.n_threads_batch = threads
    params.kv_unified = False
    params.no_perf = True
    context = llama.llama_init_from_model(model, params)
    if not context:
        raise RuntimeError("llama.cpp cannot make a context")
    return context


def feed(context, batch, rows):
    """rows: (token, position, sequence, wants logits)"""
    batch.n_tokens = len(rows)
    for i, (token, position, sequence, wanted) in enumerate(rows):
        batch.token[i], batch.pos[i], batch.logits[i] = token, position, wanted
        batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
    if llama.llama_decode(context, batch) != 0:
        raise RuntimeError("llama_decode failed")


def state(context, sequence):
    size = llama.llama_state_seq_get_size(context, sequence)
    buffer = (ctypes.c_uint8 * size)()
    llama.llama_state_seq_get_data(context, buffer, size, sequence)
    return bytes(buffer)


def noise(one, entries):
    """The state of one cell (llama_kv_cache::state_write), made one of `entries` cells of noise."""
    streams, cells, position, owners, owner, transposed, layers = struct.unpack_from("<IIiIiII", one, 8)
    if (cells, position, owners, owner, transposed) != (1, 0, 1, 0, 0):
        raise RuntimeError("llama.cpp's state has another layout than this script knows")
    table = np.zeros((entries, 3), dtype=np.int32)  # position, number of owners, owner
    table[:, 0], table[:, 1] = np.arange(entries), 1
    out = [one[:8], struct.pack("<II", streams, entries), table.tobytes(), struct.pack("<II", transposed, layers)]
    at, random = 36, np.random.default_rng(0)
    for _ in range(2 * layers):  # keys of every layer, then values
        kind, row = struct.unpack_from("<iQ", one, at)
        few = random.standard_normal((64, row // 2)).astype(np.float16)
        out += [struct.pack("<iQ", kind, row), np.resize(few, (entries, row // 2)).tobytes()]
        at += 12 + row
    out.append(one[at:])
    if len(one) - at != 4 * (streams - 1):  # the other streams hold nothing
        raise RuntimeError("llama.cpp's state has another length than this script knows")
    return b"".join(out)


def greedy(context, batch):
    rows = np.ctypeslib.as_array(llama.llama_get_logits(context), shape=(batch.n_tokens, vocab))
    return rows.argmax(axis=1)


def decode(batch, entries, steps):
    context = open_context(batch, entries + steps + 1, batch)
    rows = llama.llama_batch_init(max(batch, 1), 0, 1)
    try:
        feed(context, rows, [(0, 0, 0, True)])
        one = state(context, 0)
        filled = noise(one, entries)
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        buffer = (ctypes.c_uint8 * len(filled)).from_buffer_copy(filled)
        for sequence in range(batch):
            if llama.llama_state_seq_set_data(context, buffer, len(filled), sequence) == 0:
                raise RuntimeError("llama.cpp refused the state")
        del filled, buffer
        tokens = [0] * batch
        for step in range(steps + 1):  # the first warms up
            if step == 1:
                start = time.perf_counter()
            feed(context, rows, [(int(tokens[s]), entries + step, s, True) for s in range(batch)])
            tokens = greedy(context, rows)
        return {"seconds": (time.perf_counter() - start) / steps}
    finally:
        llama.llama_batch_free(rows)


def prefill(tokens):
    context = open_context(1, tokens, tokens)
    rows = llama.llama_batch_init(tokens, 0, 1)
    try:
        feed(context, rows, [(i % vocab, i, 0, False) for i in range(min(tokens, 32))])  # warms up
        llama.llama_synchronize(context)
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        prompt = [(i % vocab, i, 0, i == tokens - 1) for i in range(tokens)]
        start = time.perf_counter()
        feed(context, rows, prompt)
        llama.llama_synchronize(context)
        return {"seconds": time.perf_counter() - start}
    finally:
        llama.llama_batch_free(rows)


def version():
    info = llama.llama_print_system_info().decode()
    return {"version": f"llama-cpp-python {llama.__version__}", "built": info}


serve({"decode": decode, "prefill": prefill, "version": version})
