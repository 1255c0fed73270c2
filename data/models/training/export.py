"""Writes a trained checkpoint as a Hugging Face folder.

  python data/models/training/export.py reasoner .cache/training/reasoner-s1.pt data/models/reasoner --max-tokens 2600
"""
import argparse, json, pathlib, subprocess

import torch
from safetensors.torch import save_file

from model import NORM_EPS, ROPE_THETA, SHAPES, Llama

HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=SHAPES)
    parser.add_argument("checkpoint")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--max-tokens", type=int, required=True, help="max_new_tokens of generation_config.json")
    args = parser.parse_args()
    saved = torch.load(args.checkpoint, weights_only=False)
    vocabulary = saved["model"]["embed.weight"].shape[0]
    shape = SHAPES[args.kind]
    model = Llama(vocabulary, **shape)
    model.load_state_dict(saved["model"])
    args.folder.mkdir(parents=True, exist_ok=True)
    save_file(model.tensors(), args.folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocabulary, "hidden_size": shape["width"],
        "intermediate_size": shape["hidden"], "num_hidden_layers": shape["layers"], "num_attention_heads": shape["heads"],
        "num_key_value_heads": shape["kv_heads"], "head_dim": shape["width"] // shape["heads"], "hidden_act": "silu",
        "max_position_embeddings": 4096, "rms_norm_eps": NORM_EPS, "rope_theta": ROPE_THETA, "tie_word_embeddings": False,
        "attention_bias": False, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "torch_dtype": "float32",
    }
    generation = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "do_sample": True, "temperature": 0.6, "top_p": 0.95, "max_new_tokens": args.max_tokens}
    (args.folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (args.folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
    subprocess.run(["node", str(HERE / "tokenizer.mjs"), str(args.folder)], check=True)
    (args.folder / "training-log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in saved["state"]["log"]))


if __name__ == "__main__":
    main()
