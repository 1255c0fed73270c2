"""Writes a folder's Llama weights, as they are, into a GGUF file without a vocabulary: python3 gguf_file.py FOLDER FILE"""
import json
import sys
from pathlib import Path

import gguf
import numpy as np

folder, out = Path(sys.argv[1]), sys.argv[2]
config = json.loads((folder / "config.json").read_text())
heads, kv_heads = config["num_attention_heads"], config.get("num_key_value_heads") or config["num_attention_heads"]
dim = config.get("head_dim") or config["hidden_size"] // heads
writer = gguf.GGUFWriter(out, "llama")
writer.add_context_length(1 << 17)
writer.add_embedding_length(config["hidden_size"])
writer.add_block_count(config["num_hidden_layers"])
writer.add_feed_forward_length(config["intermediate_size"])
writer.add_head_count(heads)
writer.add_head_count_kv(kv_heads)
writer.add_key_length(dim)
writer.add_value_length(dim)
writer.add_rope_dimension_count(dim)
writer.add_rope_freq_base(config.get("rope_theta", (config.get("rope_parameters") or {}).get("rope_theta", 10000.0)))
writer.add_layer_norm_rms_eps(config.get("rms_norm_eps", 1e-6))
writer.add_vocab_size(config["vocab_size"])
writer.add_tokenizer_model("no_vocab")

names = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_name(name):
    stem = name.removesuffix(".weight")
    if stem in names:
        return names[stem] + ".weight"
    layer, part = stem.removeprefix("model.layers.").split(".", 1)
    return f"blk.{layer}.{names[part]}.weight"


def interleaved(rows, count):
    """llama.cpp rotates neighbouring channels, Hugging Face halves of a head."""
    return rows.reshape(count, 2, rows.shape[0] // count // 2, -1).swapaxes(1, 2).reshape(rows.shape)


for file in sorted(folder.glob("*.safetensors")):
    with open(file, "rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(size))
    data = np.memmap(file, dtype=np.uint8, mode="r", offset=8 + size)
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        wide = {"BF16": np.uint16, "F16": np.float16, "F32": np.float32}[entry["dtype"]]
        tensor = data[begin:end].view(wide).reshape(entry["shape"])
        if ".q_proj." in name:
            tensor = interleaved(tensor, heads)
        if ".k_proj." in name:
            tensor = interleaved(tensor, kv_heads)
        if tensor.ndim == 1:  # llama.cpp wants vectors in float32
            single = (tensor.astype(np.uint32) << 16).view(np.float32) if wide is np.uint16 else tensor.astype(np.float32)
            writer.add_tensor(gguf_name(name), single)
        elif wide is np.uint16:
            raw = np.ascontiguousarray(tensor)
            writer.add_tensor(gguf_name(name), raw.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(gguf_name(name), np.ascontiguousarray(tensor))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
